import { randomUUID } from "node:crypto";
import { link, rm, writeFile } from "node:fs/promises";
import { isThere } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { systemFailure } from "@consilium/shared/system/errno";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { readStudyFile } from "@consilium/storage/studyFile";
import { checkContract } from "../contract/prepare.ts";
import { type LocalReport, reportOf, type SanitizerWishes } from "../report/localReport.ts";
import { lookAt } from "../report/look.ts";
import { reportPage } from "../report/page.ts";
import { distancePicture } from "../report/plots.ts";
import { readOrder } from "../sanitizer/columnOrder.ts";
import { openNamed, requireFolderOf, unwritable } from "./localFile.ts";
import type { Output } from "./output.ts";

export interface DataReportOptions extends SanitizerWishes {
  /** Study file (YAML), whose contract the data are looked at through. */
  readonly study: string;
  readonly data: string;
  /** HTML file to write; there must be none. */
  readonly out: string;
  /** The same for the distances alone, as a picture. */
  readonly svg?: string | undefined;
  /** File with a public order of the columns. */
  readonly order?: string | undefined;
}

/** Its owner alone may read it. */
const MODE = 0o600;
const SECRET_BYTES = 32;

/**
 * `consilium-site data report`: missing and clipped values, what sanitizers keep and lose, pictures before and after,
 * as one file for local eyes. Nothing is registered, charged, logged or sent.
 */
export async function reportData(output: Output, options: DataReportOptions): Promise<void> {
  for (const path of [options.out, options.svg]) if (path !== undefined) await requireNew(path);
  const { document } = readStudyFile(options.study);
  const order = options.order === undefined ? null : await readOrder(options.order);
  output.say("Reading the data twice: once through the contract, once as they are …");
  const connector = await openNamed(options.data, { say: output.say, cache: null });
  let report: LocalReport;
  try {
    // A look needs no site: parts drawn with this secret tell how many, not who.
    const secret = operatingSystemRandom.bytes(SECRET_BYTES);
    const contract = await checkContract(connector, document.data, { secret, random: operatingSystemRandom });
    const look = await lookAt(connector, document.data, order);
    report = reportOf(document.name, contract, look, options, operatingSystemRandom);
  } finally {
    await connector.close();
  }
  const { contract, sanitizers } = report;
  if (options.svg !== undefined) {
    if (sanitizers === null) throw nothingToDraw();
    await writeNew(options.svg, distancePicture(sanitizers.distances));
  }
  await writeNew(options.out, await reportPage(report, new Date()));
  output.result({ out: options.out, contract, sanitizers: sanitizers === null ? null : figuresOf(sanitizers) }, [
    `${options.out}: ${contract.records} records of ${contract.patients} patients; open it in a browser.`,
    "It holds exact figures of records: keep it at this site.",
  ]);
}

/** As JSON: what was drawn. */
function figuresOf({ energy, distances, ...about }: NonNullable<LocalReport["sanitizers"]>) {
  const { records, columns, clips } = about;
  return { records, columns, clips, energy: energy.kept, distances };
}

/** Before anything is read: a folder for it, and no file of that name. */
async function requireNew(path: string): Promise<void> {
  await requireFolderOf(path);
  if (!(await isThere(path))) return;
  throw new Failure({
    code: "file/eexist",
    kind: "usage",
    what: `${path} is there already.`,
    remedy: "Name another path, or move away what is there.",
  });
}

function nothingToDraw(): Failure {
  return new Failure({
    code: "data/nothing-to-sanitize",
    kind: "usage",
    what: "The study reads too few numbers for a sanitizer: there are no distances to draw.",
    remedy: "Leave out --svg.",
  });
}

/** Whole or not at all, and never over another file. */
async function writeNew(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx", mode: MODE, flush: true });
    await link(temporary, path);
  } catch (cause) {
    const known = systemFailure(cause);
    if (known === null) throw unwritable(path, cause);
    const { code, kind, remedy } = known;
    throw new Failure({ code, kind, what: known.message.replace(temporary, path), remedy, cause });
  } finally {
    await rm(temporary, { force: true });
  }
}
