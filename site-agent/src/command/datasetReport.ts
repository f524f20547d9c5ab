/** A registered data set's report for the hospital's own page: the last one is kept in the site's data folder. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { contentOf } from "../contract/content.ts";
import { checkContract } from "../contract/prepare.ts";
import { StudyDetail } from "../control/request.ts";
import { KeptReport, keptReportOf } from "../report/keptReport.ts";
import { reportOf, USUAL_WISHES } from "../report/localReport.ts";
import { lookAt } from "../report/look.ts";
import { FOLDER_MODE } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import { askSite, type CommandContext } from "./context.ts";
import { registeredDataset } from "./datasets.ts";
import { openNamed } from "./localFile.ts";
import { readingOf } from "./pictures.ts";

/** Reads the data through the study's contract and keeps what a page shows of it. Nothing is charged or sent. */
export async function makeReport(
  context: CommandContext,
  { study, dataset }: { readonly study: StudyName; readonly dataset: DatasetId },
): Promise<KeptReport> {
  const { document } = await askSite(context, { ask: "study", study }, StudyDetail);
  const { path } = await registeredDataset(context, dataset);
  const { splitKey: secret } = await readKeys(context.folder);
  const { digest } = await contentOf(path);
  const connector = await openNamed(path, readingOf(context, dataset));
  try {
    const contract = await checkContract(connector, document.data, { secret, random: operatingSystemRandom });
    const look = await lookAt(connector, document.data);
    const report = reportOf(document.name, contract, look, USUAL_WISHES, operatingSystemRandom);
    const kept = await keptReportOf(report, digest, new Date());
    await keep(context, dataset, kept);
    return kept;
  } finally {
    await connector.close();
  }
}

/** `null` where none was made, or by another version. */
export async function lastReport(context: CommandContext, dataset: DatasetId): Promise<KeptReport | null> {
  const text = await readFile(fileOf(context, dataset), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return KeptReport.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function keep(context: CommandContext, dataset: DatasetId, report: KeptReport): Promise<void> {
  await mkdir(context.folder.reports, { recursive: true, mode: FOLDER_MODE });
  const path = fileOf(context, dataset);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, JSON.stringify(report), { flag: "wx", mode: 0o600, flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function fileOf({ folder }: CommandContext, dataset: DatasetId): string {
  return join(folder.reports, `${dataset}.json`);
}
