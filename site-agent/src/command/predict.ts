import { readFile } from "node:fs/promises";
import { writeFileAtomically } from "@consilium/certs/files";
import { startBackend } from "@consilium/engine/backend";
import { predict as predictProbabilities } from "@consilium/engine/predict";
import { Failure } from "@consilium/shared/failure/failure";
import { riskFrom, survivalFrom } from "@consilium/shared/metric/survivalCurve";
import { applyScales, featureScales } from "@consilium/shared/normalisation/columnScales";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { modelForSite, readModelFile } from "@consilium/shared/release/model";
import { verifyRelease } from "@consilium/shared/release/verify";
import type { DataContract } from "@consilium/shared/study/contract";
import { StudyDocument } from "@consilium/shared/study/document";
import { encodeRecord, featureCount, featureLayout, type RawValue } from "@consilium/shared/study/features";
import { columnsOfData, type IntervalPlace, intervalPlaceOf } from "@consilium/shared/study/survival";
import { INTERVAL, type SurvivalRule } from "@consilium/shared/study/survivalRule";
import { PublicKey } from "@consilium/shared/units/identity";
import type { Connector, SourceFinding } from "../connector/connector.ts";
import { PROBLEMS } from "../contract/tally.ts";
import type { ReleasedFiles } from "../release/look.ts";
import { openNamed, requireFolderOf, unwritable } from "./localFile.ts";
import type { Output } from "./output.ts";
import { readRelease, unreadable } from "./releaseFiles.ts";

export interface PredictOptions {
  readonly release: string;
  readonly input: string;
  readonly output: string;
  /** The consortium's public key, or a file with it. */
  readonly key: string;
  /** Whose last layer, where each site has its own; else the consortium's. */
  readonly site?: string | undefined;
}

const OUTPUT_FILE_MODE = 0o600;

/**
 * Runs a released model over a table, once the release is verified. Writes one row of probabilities for each record.
 */
export async function predict(output: Output, options: PredictOptions): Promise<void> {
  await requireFolderOf(options.output);
  const files = await readRelease(options.release);
  await requireVerified(files, await readKey(options.key));
  const document = StudyDocument.parse(JSON.parse(text(files, RELEASE_PATHS.study)));
  const released = readModelFile(document, bytesOf(files, RELEASE_PATHS.model));
  const { spec, scales, ...weights } =
    options.site === undefined ? released : modelForSite(document, released, options.site);
  const connector = await openNamed(options.input);
  try {
    const { data } = document;
    const { features, records } = await encodeAll(connector, data);
    applyScales(features, featureCount(data), featureScales(document, scales));
    await startBackend();
    const probabilities = predictProbabilities(spec, weights, features);
    const { header, rows } =
      data.survival === undefined ? classesOf(data, probabilities) : curvesOf(data.survival, probabilities);
    const lines = rows.map((cells, row) => [row + 1, ...cells].map(cell).join(","));
    const written = `${[["row", ...header].map(cell).join(","), ...lines].join("\n")}\n`;
    await writeFileAtomically(options.output, written, OUTPUT_FILE_MODE).catch((cause: unknown) => {
      throw unwritable(options.output, cause);
    });
    output.result({ release: options.release, study: document.name, records, output: options.output }, [
      `The release is verified. Wrote ${records} predictions to ${options.output}.`,
    ]);
  } finally {
    await connector.close();
  }
}

interface Predictions {
  readonly header: readonly string[];
  /** One for each record. */
  readonly rows: readonly (readonly (string | number)[])[];
}

function classesOf({ label: { values } }: DataContract, probabilities: Float32Array): Predictions {
  const classes = values.length;
  const rows = Array.from({ length: probabilities.length / classes }, (_, row) => {
    const ofRow = probabilities.subarray(row * classes, (row + 1) * classes);
    return [...ofRow, values[ofRow.indexOf(Math.max(...ofRow))] ?? ""];
  });
  return { header: [...values.map((value) => `p_${value}`), "predicted"], rows };
}

/** The share expected to live through each interval, and the risk that records are ordered by. */
function curvesOf({ cuts }: SurvivalRule, probabilities: Float32Array): Predictions {
  const rows = Array.from({ length: probabilities.length / (2 * cuts.length) }, (_, row) => {
    const hazards = cuts.map((_cut, interval) => probabilities[(row * cuts.length + interval) * 2 + 1] ?? Number.NaN);
    const survival = survivalFrom(hazards);
    return [...survival, riskFrom(survival)];
  });
  return { header: [...cuts.map((cut) => `survives_${cut}`), "risk"], rows };
}

async function requireVerified(files: ReleasedFiles, key: PublicKey): Promise<void> {
  const { verified, checks } = verifyRelease((path) => files.get(path) ?? null, [...files.keys()], key);
  if (verified) return;
  const [first] = checks.filter(({ passed }) => !passed);
  throw new Failure({
    code: "release/not-verified",
    // As `consilium verify`: a release that can't be trusted is a fault, not a policy's refusal.
    kind: "fault",
    what: `The release does not verify (${first?.name}): ${first?.problems.join("; ")}.`.slice(0, 1000),
    remedy: `${first?.remedy} Predictions are made from verified releases alone.`,
  });
}

async function readKey(keyOrFile: string): Promise<PublicKey> {
  const direct = PublicKey.safeParse(keyOrFile);
  if (direct.success) return direct.data;
  const content = await readFile(keyOrFile, "utf8").catch((cause: unknown) => {
    throw unreadable(keyOrFile, cause);
  });
  const read = PublicKey.safeParse(content.trim());
  if (read.success) return read.data;
  throw new Failure({
    code: "release/key-unreadable",
    kind: "usage",
    what: `${keyOrFile} does not hold the consortium's public key: 32 bytes in base64.`,
    remedy: "Copy the key from the consortium's lead, not from the release itself.",
  });
}

/** Features of each record; of a study of times a row for each interval, which no table has. */
async function encodeAll(
  connector: Connector,
  data: DataContract,
): Promise<{ features: Float32Array; records: number }> {
  const layout = featureLayout(data);
  const interval = intervalPlaceOf(data);
  const columns = columnsOfData(data).map(({ name }) => name);
  const present = await connector.columns();
  const missing = columns.filter((name) => !present.includes(name));
  if (missing.length > 0) throw columnsMissing(missing);
  const rows: Float32Array[] = [];
  let records = 0;
  for await (const chunk of connector.rows(columns)) {
    for (const row of chunk) {
      const values = Object.fromEntries(columns.map((name, i) => [name, row[i]]));
      records += 1;
      for (const own of interval === null ? [values] : numbered(values, interval)) rows.push(encodeRecord(layout, own));
    }
  }
  // What the data set's file has no rule for came as missing, and a fill would hide that.
  const refused = connector.findings().find(({ problem }) => problem !== "off-scale");
  if (refused !== undefined) throw valuesRefused(refused);
  const features = new Float32Array(rows.length * layout.featureCount);
  for (const [i, row] of rows.entries()) features.set(row, i * layout.featureCount);
  return { features, records };
}

function numbered(values: Readonly<Record<string, RawValue>>, { intervals }: IntervalPlace) {
  return Array.from({ length: intervals }, (_, index) => ({ ...values, [INTERVAL]: index + 1 }));
}

/** A CSV cell, quoted where it must be. */
function cell(value: string | number): string {
  const written = String(value);
  return /[",\n\r]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written;
}

function bytesOf(files: ReleasedFiles, path: string): Uint8Array {
  return files.get(path) ?? new Uint8Array();
}

function text(files: ReleasedFiles, path: string): string {
  return Buffer.from(bytesOf(files, path)).toString("utf8");
}

function valuesRefused({ column, problem, count }: SourceFinding): Failure {
  const [what, remedy] = PROBLEMS[problem];
  return new Failure({
    code: "data/values-refused",
    kind: "config",
    what: `Column '${column}': ${count} ${what}.`,
    remedy,
    fields: { column, count },
  });
}

function columnsMissing(columns: readonly string[]): Failure {
  return new Failure({
    code: "data/columns-missing",
    kind: "config",
    what: `The input lacks ${columns.length} of the model's columns, the first of them '${columns[0]}'.`,
    remedy: "Rename the file's columns to those of the study's schema.",
  });
}
