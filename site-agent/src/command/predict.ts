import { readFile } from "node:fs/promises";
import { writeFileAtomically } from "@consilium/certs/files";
import { startBackend } from "@consilium/engine/backend";
import { predict as predictProbabilities } from "@consilium/engine/predict";
import { Failure } from "@consilium/shared/failure/failure";
import { applyScales, featureScales } from "@consilium/shared/normalisation/columnScales";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { readModelFile } from "@consilium/shared/release/model";
import { verifyRelease } from "@consilium/shared/release/verify";
import { StudyDocument } from "@consilium/shared/study/document";
import { encodeRecord, type FeatureLayout, featureCount, featureLayout } from "@consilium/shared/study/features";
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
  const { spec, scales, ...weights } = readModelFile(document, bytesOf(files, RELEASE_PATHS.model));
  const connector = await openNamed(options.input);
  try {
    const { data } = document;
    const { features, records } = await encodeAll(
      connector,
      featureLayout(data),
      data.columns.map(({ name }) => name),
    );
    applyScales(features, featureCount(data), featureScales(document, scales));
    await startBackend();
    const probabilities = predictProbabilities(spec, weights, features);
    const classes = data.label.values.length;
    const header = ["row", ...data.label.values.map((value) => `p_${value}`), "predicted"];
    const lines = Array.from({ length: records }, (_, row) => {
      const ofRow = probabilities.subarray(row * classes, (row + 1) * classes);
      const best = ofRow.indexOf(Math.max(...ofRow));
      return [row + 1, ...ofRow, data.label.values[best] ?? ""].map(cell).join(",");
    });
    const written = `${[header.map(cell).join(","), ...lines].join("\n")}\n`;
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

async function encodeAll(
  connector: Connector,
  layout: FeatureLayout,
  columns: readonly string[],
): Promise<{ features: Float32Array; records: number }> {
  const present = await connector.columns();
  const missing = columns.filter((name) => !present.includes(name));
  if (missing.length > 0) throw columnsMissing(missing);
  const rows: Float32Array[] = [];
  for await (const chunk of connector.rows(columns)) {
    for (const row of chunk) {
      rows.push(encodeRecord(layout, Object.fromEntries(columns.map((name, i) => [name, row[i]]))));
    }
  }
  // What the data set's file has no rule for came as missing, and a fill would hide that.
  const refused = connector.findings().find(({ problem }) => problem !== "off-scale");
  if (refused !== undefined) throw valuesRefused(refused);
  const features = new Float32Array(rows.length * layout.featureCount);
  for (const [i, row] of rows.entries()) features.set(row, i * layout.featureCount);
  return { features, records: rows.length };
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
