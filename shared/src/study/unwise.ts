import { swampedText } from "../normalisation/lines.ts";
import { learningRateAt } from "../optimizer/learningRate.ts";
import type { StudyDocument } from "./document.ts";
import type { Finding, Path, YamlSource } from "./yamlSource.ts";

/** What a study may say, but hardly means: warnings, with their place in the file. */
export function warningsOf(document: StudyDocument, source: YamlSource): readonly Finding[] {
  const { epsilon, delta } = document.privacy;
  const warnings: Finding[] = [];
  const warn = (path: Path, message: string, remedy: string): void => {
    warnings.push(source.finding("warning", path, message, remedy));
  };
  const fewest = Math.min(...document.sites.map((site) => site.patients));
  if (delta >= 1 / fewest)
    warn(
      ["privacy", "delta"],
      `δ = ${delta} is ≥ 1/n for the smallest site's ${fewest} patients, so one patient may go unprotected`,
      "Use less.",
    );
  if (epsilon > 10)
    warn(["privacy", "epsilon"], `ε = ${epsilon} is above 10, where the promise says little`, "Typical: 1..8.");
  const swamped = swampedText(document);
  if (swamped !== null)
    warn(
      ["normalisation", "noiseMultiplier"],
      `${swamped}: every column would stay as its public range scales it, and the charge be spent for nothing`,
      "Name fewer columns, take less noise, or leave normalisation out.",
    );
  const evaluations = Math.floor(document.training.rounds / document.evaluation.everyRounds);
  const { earlyStop, optimizer, rounds } = document.training;
  if (earlyStop !== undefined && earlyStop.patience >= evaluations)
    warn(
      ["training", "earlyStop", "patience"],
      `can't end training: it takes ${earlyStop.patience + 1} evaluations, and there are ${evaluations}`,
      "Evaluate more often, or be less patient.",
    );
  if ((optimizer.schedule?.warmUpRounds ?? 0) >= rounds)
    warn(
      ["training", "optimizer", "schedule"],
      `warms up for ${optimizer.schedule?.warmUpRounds} rounds of ${rounds}, and never reaches its rate`,
      "Typical: a tenth of the rounds.",
    );
  const endless = scheduleBeyond(document.training);
  if (endless !== null)
    warn(["training", "optimizer", "schedule"], endless, "Count from the study's rounds, warm-up included.");
  if (document.training.classWeights !== undefined && document.privacy.clipping.mode === "automatic")
    warn(
      ["training", "classWeights"],
      "changes nothing for a patient of one class: automatic clipping brings every gradient to about the same length",
      "Use another clipping, with a clippingNorm that most gradients are below.",
    );
  if (document.training.minSites === 1 && document.sites.length > 1)
    warn(
      ["training", "minSites"],
      "a round may be one site's alone: the model then moves by its patients only, with its noise over its share",
      "Typical: all sites but one.",
    );
  if (document.evaluation.everyRounds > document.training.rounds)
    warn(
      ["evaluation", "every"],
      "is more than all rounds, so the model is never evaluated",
      "Evaluate every tenth round.",
    );
  return warnings;
}

/** What of a schedule no round of the study comes to; null where it is walked to its end, or has none. */
function scheduleBeyond({ optimizer: { learningRate, schedule }, rounds }: StudyDocument["training"]): string | null {
  if (schedule === undefined) return null;
  const warmUp = schedule.warmUpRounds ?? 0;
  // A study that only warms up is told so already.
  if (warmUp >= rounds) return null;
  if (schedule.name === "step" && warmUp + schedule.everyRounds >= rounds)
    return `never drops: its first drop comes after ${warmUp + schedule.everyRounds} rounds, and there are ${rounds}`;
  if (schedule.name !== "linear" && schedule.name !== "cosine") return null;
  const end = warmUp + schedule.rounds;
  if (end <= rounds) return null;
  const percent = (rate: number) => `${Math.round(100 * rate)} %`;
  const last = percent(learningRateAt(learningRate, schedule, rounds - 1) / learningRate);
  return (
    `falls until round ${end}, and training ends after ${rounds}: ` +
    `the rate ends at ${last} of learningRate, not at ${percent(schedule.endFraction)}`
  );
}
