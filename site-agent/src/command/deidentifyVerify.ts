/** `consilium-site data verify FOLDER` of de-identified copies: whether they are those of the report, and whose it is. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { fileIn, filesBelow, realFolder } from "../connector/folder.ts";
import { DeidentificationReport, isSignedBy, outputDigest, textOfReport } from "../deidentification/report.ts";
import { isJoined } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";
import { REPORT, REPORT_TEXT } from "./deidentify.ts";

/** Throws `data/not-as-reported` where a file isn't as it was written, or one is there that wasn't. */
export async function verifyDeidentified(
  context: CommandContext,
  folder: string,
  key: string | undefined,
): Promise<void> {
  const root = await realFolder(folder);
  const report = await readReport(join(root, REPORT));
  const written = new Map<string, string>();
  for (const path of await filesBelow(root)) {
    if (path === REPORT || path === REPORT_TEXT) continue;
    const bytes = await readFile(await fileIn(root, path));
    written.set(path, createHash("sha256").update(bytes).digest("hex"));
  }
  if (outputDigest(written) !== report.statement.output) throw unverified("a file was altered, added or removed");
  if ((await readFile(join(root, REPORT_TEXT), "utf8").catch(() => "")) !== textOfReport(report))
    throw unverified(`${REPORT_TEXT} says something else than ${REPORT}`);
  // Hidden files and links, which no reading of pictures takes, among them.
  const all = (await readdir(root, { recursive: true, withFileTypes: true })).filter((one) => !one.isDirectory());
  const more = all.length - written.size - [REPORT, REPORT_TEXT].length;
  if (more > 0) throw unverified(`${more} files more lie in it, hidden ones or links`);
  const wanted =
    key ?? ((await isJoined(context.folder)) ? (await readKeys(context.folder)).identity.publicKey : undefined);
  if (wanted !== undefined && !isSignedBy(report, wanted)) throw unverified("the signature isn't the site's");
  const who = wanted === undefined ? "no key was given, so the signature was not checked" : `signed by ${wanted}`;
  context.output.result({ folder: root, files: written.size, signedBy: wanted ?? null }, [
    `The ${written.size} files are those of the report; ${who}.`,
  ]);
}

async function readReport(path: string): Promise<DeidentificationReport> {
  const text = await readFile(path, "utf8").catch(() => {
    throw unverified(`there is no ${REPORT}`);
  });
  const parsed = DeidentificationReport.safeParse(parsedJson(text));
  if (parsed.success) return parsed.data;
  throw unverified(`${REPORT} is none of this version`);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unverified(why: string): Failure {
  return new Failure({
    code: "data/not-as-reported",
    kind: "fault",
    what: `The folder is not as its report says: ${why}.`,
    remedy: "De-identify again, and compare the key with the site's own.",
  });
}
