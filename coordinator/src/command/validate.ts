import type { Part } from "@consilium/shared/ledger/entry";
import { normalisationLines } from "@consilium/shared/normalisation/lines";
import { isDpSgd } from "@consilium/shared/study/document";
import { plannedEpsilons } from "@consilium/shared/study/noise";
import { type ScheduleEpsilon, scheduleEpsilons } from "@consilium/shared/study/scheduleEpsilon";
import { weightsLines } from "@consilium/shared/study/weightsLines";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { readStudyFile } from "@consilium/storage/studyFile";
import type { Command } from "commander";

/** `consilium validate`: says all that is wrong with a study file, or what the study would cost. */
export function registerValidate(parent: Command): void {
  parent
    .command("validate")
    .description("check a study file, and say what the study would cost each site")
    .argument("<file>", "study file (YAML)")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExamples:\n  consilium validate study.yaml\n  consilium validate study.yaml --json")
    .action((file: string, options: { json?: boolean }) => {
      const validation = validate(file);
      process.stdout.write(options.json === true ? `${JSON.stringify(validation)}\n` : describeValidation(validation));
    });
}

export interface Validation {
  readonly file: string;
  readonly study: string;
  readonly digest: string;
  /** Null where training on sanitized records needs none. */
  readonly noiseMultiplier: number | null;
  readonly noiseWasAuto: boolean;
  /** Cost of the whole study at each site, for each part of its patients. */
  readonly epsilon: Readonly<Record<Part, number>>;
  /** What a release states where nobody goes beyond the schedule. */
  readonly schedule: Readonly<Record<Part, ScheduleEpsilon>>;
  readonly cap: number;
  readonly delta: number;
  /** Pretrained weights that it starts from, in words. */
  readonly weights: readonly string[];
  /** What it learns of its columns' scale, in words. */
  readonly normalisation: readonly string[];
  readonly warnings: readonly string[];
}

/** Reads and resolves a study file. Throws `InvalidStudy` with every fault. */
export function validate(file: string): Validation {
  const { document, digest, noiseWasAuto, warnings } = readStudyFile(file);
  const { epsilon, delta } = document.privacy;
  return {
    file,
    study: document.name,
    digest,
    noiseMultiplier: isDpSgd(document) ? document.privacy.noiseMultiplier : null,
    noiseWasAuto,
    epsilon: plannedEpsilons(document),
    schedule: scheduleEpsilons(document),
    cap: epsilon,
    delta,
    weights: weightsLines(document),
    normalisation: normalisationLines(document),
    warnings: warnings.map(formatFinding),
  };
}

function describeValidation(validation: Validation): string {
  const {
    normalisation,
    file,
    study,
    digest,
    noiseMultiplier,
    noiseWasAuto,
    epsilon,
    schedule,
    cap,
    delta,
    weights,
    warnings,
  } = validation;
  return [
    ...warnings,
    `${file} is valid: study ${study}, digest ${digest}`,
    ...(weights.length === 0 ? [] : ["Starts from pretrained weights:", ...weights.map((line) => `  ${line}`)]),
    ...(normalisation.length === 0 ? [] : ["Normalises columns:", ...normalisation.map((line) => `  ${line}`)]),
    noiseMultiplier === null
      ? "Noise: none on steps, which read sanitized records alone; metrics and the audit read the original ones"
      : `Noise: σ = ${noiseMultiplier}${noiseWasAuto ? ", the least that fits (auto)" : ""}`,
    `Would cost each site, of ε = ${cap} at δ = ${delta} (RDP accountant):`,
    `  training patients ${epsilonText(epsilon.train)}, validation ${epsilonText(epsilon.validation)}, ` +
      `audit hold-out ${epsilonText(epsilon.audit)}${referenceText(epsilon.reference)}`,
    `A release that keeps to this schedule states (PLD accountant):`,
    `  training patients ${epsilonText(schedule.train.epsilon)}, validation ${epsilonText(schedule.validation.epsilon)}, ` +
      `audit hold-out ${epsilonText(schedule.audit.epsilon)}${referenceText(schedule.reference.epsilon)}`,
    `Next: consilium study propose ${file}`,
    "",
  ].join("\n");
}

/** Nothing where the study has no reference models. */
function referenceText(epsilon: number): string {
  return epsilon === 0 ? "" : `, reference part ${epsilonText(epsilon)}`;
}
