import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatasetId } from "@consilium/shared/units/identity";
import { PictureCache } from "../connector/pictureCache.ts";
import type { Reading } from "../connector/reading.ts";
import { requireJoined } from "../storage/folder.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./output.ts";

const MIB = 2 ** 20;

/** A registered data set's reading: told of in the terminal, its pictures kept in the site's own data folder. */
export function readingOf({ folder, output, terminal }: CommandContext, dataset: DatasetId): Reading {
  const say = (line: string): void => void (output.isJson || terminal.output.write(`${line}\n`));
  return { say, cache: new PictureCache(join(folder.pictures, dataset)) };
}

/** How much is kept of one data set. */
export async function keptPictures(
  { folder }: CommandContext,
  dataset: DatasetId,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const { entries: files, bytes } = await new PictureCache(join(folder.pictures, dataset)).size();
  return { files, bytes };
}

/** `consilium-site data pictures`: what is kept of decoded pictures; they are records, so they can be removed. */
export async function pictures(context: CommandContext, name: string | undefined, isCleared: boolean): Promise<void> {
  const { folder, output } = context;
  await requireJoined(folder);
  const named = name === undefined ? null : DatasetId.parse(name);
  const kept = [];
  for (const dataset of (await readdir(folder.pictures).catch(() => [])).sort()) {
    if (named !== null && dataset !== named) continue;
    const cache = new PictureCache(join(folder.pictures, dataset));
    kept.push({ dataset, ...(await cache.size()) });
    if (isCleared) await cache.clear();
  }
  const rows = kept.map(({ dataset, entries, bytes }) => [dataset, String(entries), `${Math.ceil(bytes / MIB)} MiB`]);
  const none = [`No decoded picture is kept${named === null ? "" : ` of ${named}`}.`];
  output.result({ pictures: kept, removed: isCleared }, [
    ...(rows.length === 0 ? none : table(["data set", "files", "size"], rows)),
    ...(isCleared && rows.length > 0 ? ["Removed. They are decoded again when they are read next."] : []),
  ]);
}
