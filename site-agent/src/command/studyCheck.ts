import { Failure } from "@consilium/shared/failure/failure";
import { parameterSlots } from "@consilium/shared/model/spec";
import type { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { plannedEpsilons } from "@consilium/shared/study/resolve";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { readStudyFile } from "@consilium/storage/studyFile";
import { leaves } from "../approval/quote.ts";
import { openTable } from "../connector/table.ts";
import { type ContractReport, checkContract } from "../contract/prepare.ts";
import { PROBLEMS } from "../contract/tally.ts";
import { type Output, table } from "./output.ts";

export interface StudyCheckOptions {
  /** Study file (YAML). */
  readonly file: string;
  /** CSV or Parquet file to hold against the contract. */
  readonly data: string;
  /** This hospital's name in the study, to compare the number of patients. */
  readonly site?: string | undefined;
}

const SECRET_BYTES = 32;

/**
 * `consilium-site study check`: needs no site, no coordinator and no network.
 * Writes the report, then throws `data/contract-violated` (exit 3) where the data can't be trained on.
 */
export async function checkStudy(output: Output, options: StudyCheckOptions): Promise<void> {
  const { document, digest, warnings } = readStudyFile(options.file);
  for (const warning of warnings) output.say(formatFinding(warning));
  const publicPatients = patientsOf(document, options.site);
  const report = await holdAgainst(document, options.data, publicPatients);
  const layers = layersOf(document);
  const sends = leaves(document);
  const epsilon = plannedEpsilons(document);
  output.result({ study: document.name, digest, epsilon, layers, leaves: sends, contract: report }, [
    `Study ${document.name}, digest ${digest}`,
    "",
    "Model, and how each layer's part of a patient's gradient is measured for clipping:",
    ...layers.map((line) => `  ${line}`),
    "",
    "Leaves this site:",
    ...sends.map((line) => `  ${line}`),
    "",
    `Would cost, of ε = ${document.privacy.epsilon} at δ = ${document.privacy.delta}: training patients ` +
      `${epsilon.train.toFixed(3)}, validation ${epsilon.validation.toFixed(3)}, ` +
      `audit hold-out ${epsilon.audit.toFixed(3)}`,
    "",
    ...describeReport(report),
  ]);
  if (report.violated) throw violated(report);
}

/** What is amiss, in a table; figures of records, for local eyes alone. */
export function describeReport(report: ContractReport): readonly string[] {
  const { train, validation, audit } = report.parts;
  const counts =
    `${report.records} records of ${report.patients} patients: ${train} train, ${validation} validation, ` +
    `${audit} audit hold-out (these figures stay here)`;
  if (report.violations.length === 0) return [counts, "The data meet the contract."];
  const rows = report.violations.map(({ severity, column, problem, count }) => {
    const [what, remedy] = PROBLEMS[problem];
    return [severity, column ?? "", String(count), what, remedy];
  });
  return [counts, "", ...table(["", "column", "count", "what", "what to do"], rows)];
}

async function holdAgainst(
  document: StudyDocument,
  path: string,
  publicPatients: number | undefined,
): Promise<ContractReport> {
  const connector = await openTable(path);
  try {
    return await checkContract(connector, document.data, {
      // A check needs no site: parts drawn with this secret tell how many, not who.
      secret: operatingSystemRandom.bytes(SECRET_BYTES),
      random: operatingSystemRandom,
      ...(publicPatients === undefined ? {} : { publicPatients }),
    });
  } finally {
    connector.close();
  }
}

/** One line for each layer. Presets hold layers whose part of a patient's norm is exact; none couples patients. */
function layersOf(document: StudyDocument): readonly string[] {
  const spec = modelSpecOfStudy(document);
  const slots = parameterSlots(spec);
  const size = (name: string): number => slots.find((slot) => slot.name === name)?.size ?? 0;
  const several = document.data.maxRecordsPerPatient > 1 ? ", crossed over the patient's records" : "";
  const layers = spec.layers.map(({ name, inputs, outputs }) => {
    const parameters = size(`${name}/kernel`) + size(`${name}/bias`);
    return (
      `${name}: dense ${inputs} → ${outputs}, ${parameters} parameters; norm from its inputs and output gradients` +
      `${several}, no patient's gradient is formed`
    );
  });
  const centroids = size("centroids");
  return centroids === 0
    ? layers
    : [...layers, `centroids: ${centroids} parameters, trained; norm from each record's distance to its nearest one`];
}

function patientsOf(document: StudyDocument, site: string | undefined): number | undefined {
  if (site === undefined) return undefined;
  const found = document.sites.find(({ name }) => name === site);
  if (found !== undefined) return found.patients;
  throw new Failure({
    code: "study/not-a-site",
    kind: "usage",
    what: `Study ${document.name} has no site '${site}'.`,
    remedy: `Its sites: ${document.sites.map(({ name }) => name).join(", ")}.`,
  });
}

function violated(report: ContractReport): Failure {
  const errors = report.violations.filter(({ severity }) => severity === "error").length;
  return new Failure({
    code: "data/contract-violated",
    kind: "config",
    what: `The data do not meet the study's contract: ${errors} ${errors === 1 ? "thing is" : "things are"} amiss.`,
    remedy: "Correct the file as the table says, then check again.",
  });
}
