import { Failure } from "@consilium/shared/failure/failure";
import { normalisationLines } from "@consilium/shared/normalisation/lines";
import { overlapLines } from "@consilium/shared/plan/overlapLines";
import type { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { plannedEpsilons } from "@consilium/shared/study/noise";
import { weightsLines } from "@consilium/shared/study/weightsLines";
import { formatFinding } from "@consilium/shared/study/yamlSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { StudyName } from "@consilium/shared/units/identity";
import { readStudyFile } from "@consilium/storage/studyFile";
import { leaves } from "../approval/quote.ts";
import type { Reading } from "../connector/reading.ts";
import { type ContractReport, checkContract } from "../contract/prepare.ts";
import { NextDecision, StudyDetail } from "../control/request.ts";
import type { SiteSecret } from "../deidentification/patientKey.ts";
import { readKeys } from "../storage/keys.ts";
import { askSite, type CommandContext } from "./context.ts";
import { describeReport, misfit } from "./contractReport.ts";
import { registeredDataset } from "./datasets.ts";
import { headLine, layerLines } from "./layerLines.ts";
import { openNamed } from "./localFile.ts";
import type { Output } from "./output.ts";
import { readingOf } from "./pictures.ts";

export interface StudyCheckOptions {
  /** Study file (YAML). */
  readonly file: string;
  /** CSV or Parquet file to hold against the contract. */
  readonly data: string;
  /** This hospital's name in the study, to compare the number of patients. */
  readonly site?: string | undefined;
}

export interface ProposalCheckOptions {
  /** Name of a study that was proposed to this site. */
  readonly study: string;
  /** A registered data set; needed where there is more than one. */
  readonly dataset: string | undefined;
}

const SECRET_BYTES = 32;

/**
 * `consilium-site study check FILE`: needs no site, no coordinator and no network.
 * Writes the report, then throws `data/contract-violated` (exit 3) where the data can't be trained on.
 */
export async function checkStudy(output: Output, options: StudyCheckOptions): Promise<void> {
  const { document, digest, warnings } = readStudyFile(options.file);
  for (const warning of warnings) output.say(formatFinding(warning));
  const publicPatients = patientsOf(document, options.site);
  // A check needs no site: parts drawn with this secret tell how many, not who.
  const secret = operatingSystemRandom.bytes(SECRET_BYTES);
  const data = { path: options.data, reading: { say: output.say, cache: null } };
  const report = await holdAgainst(document, data, secret, publicPatients);
  writeReport(output, { document, digest, ...(options.site === undefined ? {} : { site: options.site }) }, report);
  if (report.violated) throw misfit(report, `consilium-site study check ${options.file} --data ${options.data}`);
}

/** `consilium-site study check --study NAME`: the same for a study that was proposed, on the data that it would use. */
export async function checkProposal(context: CommandContext, options: ProposalCheckOptions): Promise<void> {
  const { folder, output } = context;
  const study = await askSite(context, { ask: "study", study: StudyName.parse(options.study) }, StudyDetail);
  const { dataset, path } = await registeredDataset(context, options.dataset);
  const { site } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const { splitKey } = await readKeys(folder);
  const { document, digest } = study;
  const report = await holdAgainst(
    document,
    { path, reading: readingOf(context, dataset) },
    splitKey,
    patientsOf(document, site),
  );
  writeReport(output, { document, digest, site }, report);
  const again = `consilium-site study check --study ${study.name} --dataset ${dataset} --data ${folder.path}`;
  if (report.violated) throw misfit(report, again);
}

function writeReport(
  output: Output,
  { document, digest, site }: { readonly document: StudyDocument; readonly digest: string; readonly site?: string },
  report: ContractReport,
): void {
  const spec = modelSpecOfStudy(document);
  const layers = [
    ...layerLines(spec, document.data.maxRecordsPerPatient),
    ...(document.training.heads === undefined ? [] : [headLine(spec, document.sites.length)]),
  ];
  const sends = leaves(document);
  const weights = weightsLines(document);
  const normalisation = normalisationLines(document);
  const epsilon = plannedEpsilons(document);
  const overlap = overlapLines(document, site);
  output.result(
    { study: document.name, digest, epsilon, overlap, layers, weights, normalisation, leaves: sends, contract: report },
    [
      `Study ${document.name}, digest ${digest}`,
      "",
      "Model, and how each layer's part of a patient's gradient is measured for clipping:",
      ...layers.map((line) => `  ${line}`),
      "",
      ...(weights.length === 0 ? [] : ["Starts from pretrained weights:", ...weights.map((line) => `  ${line}`), ""]),
      ...(normalisation.length === 0 ? [] : ["Normalises columns:", ...normalisation.map((line) => `  ${line}`), ""]),
      "Leaves this site:",
      ...sends.map((line) => `  ${line}`),
      "",
      `Would cost, of ε = ${document.privacy.epsilon} at δ = ${document.privacy.delta}: training patients ` +
        `${epsilonText(epsilon.train)}, validation ${epsilonText(epsilon.validation)}, ` +
        `audit hold-out ${epsilonText(epsilon.audit)}` +
        (epsilon.reference === 0 ? "" : `, reference part ${epsilonText(epsilon.reference)}`),
      "",
      ...(overlap.length === 0 ? [] : ["Patients at several sites:", ...overlap.map((line) => `  ${line}`), ""]),
      ...describeReport(report),
    ],
  );
}

async function holdAgainst(
  document: StudyDocument,
  { path, reading }: { readonly path: string; readonly reading: Reading },
  secret: SiteSecret,
  publicPatients: number | undefined,
): Promise<ContractReport> {
  const connector = await openNamed(path, reading);
  try {
    return await checkContract(connector, document.data, {
      secret,
      random: operatingSystemRandom,
      ...(publicPatients === undefined ? {} : { publicPatients }),
    });
  } finally {
    await connector.close();
  }
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
