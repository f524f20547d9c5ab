/**
 * `consilium-site data deidentify`: copies of a folder's DICOM files, whole or not at all, with a report of what was
 * done.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { Signer } from "@consilium/shared/signing/ed25519";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml } from "@consilium/shared/study/yamlSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { z } from "zod";
import { fileIn, filesBelow, realFolder } from "../connector/folder.ts";
import { safeObject } from "../deidentification/dicomFile.ts";
import { DicomRules } from "../deidentification/dicomRules.ts";
import { hashPatientKey, type SiteSecret } from "../deidentification/patientKey.ts";
import { DeidentificationTally, reportLines, textOfReport } from "../deidentification/report.ts";
import { TAG, textOf } from "../dicom/dataset.ts";
import { writeDicom } from "../dicom/write.ts";
import { isJoined } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";
import { freeFolder, makeWhole, writeWhole } from "./freshFolder.ts";

export interface DeidentifyOptions {
  readonly folder: string;
  readonly out: string;
  readonly rules: string | undefined;
}

export const REPORT = "report.json";
export const REPORT_TEXT = "report.txt";
const SECRET_BYTES = 32;
const PROGRESS_MS = 2000;
const BROKEN_NAMED = 20;

export interface Owner {
  readonly secret: SiteSecret;
  readonly signer: Signer | null;
}

export async function deidentify(
  context: CommandContext,
  options: DeidentifyOptions,
  stop: AbortSignal,
): Promise<void> {
  const { output } = context;
  const rules = await readRules(options.rules, DicomRules);
  const source = await realFolder(options.folder);
  const out = await freeFolder(options.out, source);
  const owner = await ownerOf(context);
  const report = await makeWhole(out, async (partial) => {
    const tally = await copyAll(context, source, partial, rules, owner.secret, stop);
    const made = tally.report(rules, owner.signer);
    if (made.statement.written === 0) throw nothingWritten(made.statement.read);
    await writeWhole(join(partial, REPORT), `${JSON.stringify(made, null, 2)}\n`);
    await writeWhole(join(partial, REPORT_TEXT), textOfReport(made));
    return made;
  });
  output.result({ out, ...report }, [
    ...reportLines(report),
    "",
    `Written to ${out}; ${REPORT} and ${REPORT_TEXT} are there too.`,
  ]);
}

async function copyAll(
  { output }: CommandContext,
  source: string,
  partial: string,
  rules: DicomRules,
  secret: SiteSecret,
  stop: AbortSignal,
): Promise<DeidentificationTally> {
  const files = await filesBelow(source);
  const tally = new DeidentificationTally();
  const broken: string[] = [];
  let said = performance.now();
  for (const file of files) {
    if (stop.aborted) throw interrupted();
    try {
      await copyOne(await readFile(await fileIn(source, file)), partial, rules, secret, tally);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      tally.drop(error.code.replace(/^data\//, ""));
      broken.push(`${file}: ${error.message}`);
    }
    tally.read += 1;
    if (performance.now() - said < PROGRESS_MS) continue;
    said = performance.now();
    output.say(`${tally.read} of ${files.length} files`);
  }
  for (const line of broken.slice(0, BROKEN_NAMED)) output.say(line);
  if (broken.length > BROKEN_NAMED) output.say(`and ${broken.length - BROKEN_NAMED} more that can't be read`);
  return tally;
}

/** Named by the new identifiers alone: a file's name often holds the patient's. */
async function copyOne(
  bytes: Uint8Array,
  partial: string,
  rules: DicomRules,
  secret: SiteSecret,
  tally: DeidentificationTally,
): Promise<void> {
  const safe = await safeObject(bytes, rules, secret);
  if (safe.kind === "refused") return tally.drop(safe.why);
  const instance = textOf(safe.object.dataset, TAG.sopInstance);
  if (instance === null) return tally.drop("no-identifier");
  const key = hashPatientKey(secret, safe.patient);
  const path = `${key.slice(0, 16)}/${instance}.dcm`;
  if (tally.has(path)) return tally.drop("same-object-twice");
  const written = writeDicom(safe.object);
  await mkdir(join(partial, dirname(path)), { recursive: true, mode: 0o700 });
  await writeWhole(join(partial, path), written);
  tally.wrote(path, written, key, safe.deeds);
}

/** The rules in a file of their own; what isn't as they are declared is told with its line. */
export async function readRules<Rules>(path: string | undefined, schema: z.ZodType<Rules>): Promise<Rules> {
  if (path === undefined) return schema.parse({});
  const text = await readFile(path, "utf8").catch(() => {
    throw new Failure({
      code: "file/unreadable",
      kind: "usage",
      what: `${path} can't be read.`,
      remedy: "Check the path.",
    });
  });
  const { value, findings } = parseSource(openYaml(path, text), schema);
  if (value !== null) return value;
  throw new Failure({
    code: "data/rules-invalid",
    kind: "config",
    what: findings.map(formatFinding).join("\n"),
    remedy: "docs/deidentification.md names the rules.",
  });
}

/** The site whose data folder is here; without one identifiers hold together within this run alone. */
export async function ownerOf({ folder, output }: CommandContext): Promise<Owner> {
  if (await isJoined(folder)) {
    const { splitKey, identity } = await readKeys(folder);
    return { secret: splitKey, signer: identity };
  }
  output.say(
    "No site has its data folder here: identifiers are replaced for this run alone, and the report is not signed.",
  );
  return { secret: operatingSystemRandom.bytes(SECRET_BYTES), signer: null };
}

export function interrupted(): Failure {
  return new Failure({
    code: "data/interrupted",
    kind: "refused",
    what: "Stopped: nothing was written.",
    remedy: "Run the command again.",
  });
}

/** A folder in which nothing is would look like a success. */
function nothingWritten(read: number): Failure {
  return new Failure({
    code: "data/nothing-written",
    kind: "config",
    what: `Of ${read} files none could be written: none is a DICOM file with a usable image.`,
    remedy: "Name a folder of DICOM files; pictures in other formats have no attributes to remove.",
  });
}
