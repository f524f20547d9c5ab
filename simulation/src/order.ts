import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import type { ResolvedStudy } from "@consilium/shared/study/resolve";
import { Digest, type SiteName } from "@consilium/shared/units/identity";
import { contentOf } from "@consilium/site-agent/contract/content";
import { z } from "zod";
import type { Point } from "./points.ts";
import { RunResult } from "./result.ts";
import type { Sweep, SweepFile } from "./sweepFile.ts";

/** One run to be made: a point of the grid, and which repetition of it. */
export interface Order {
  readonly point: Point;
  readonly study: ResolvedStudy;
  readonly repetition: number;
  /** With real processes. */
  readonly isReal: boolean;
  /** Where its result goes. */
  readonly folder: string;
  /** Of all that the run is made of, the program's version too: an equal one need not be run again. */
  readonly key: Digest;
}

/** What a worker is told; it reads the sweep by itself. */
export const WorkerOrder = z.strictObject({
  id: z.string(),
  repetition: z.number().int(),
  folder: z.string(),
  isReal: z.boolean(),
});
export type WorkerOrder = z.infer<typeof WorkerOrder>;

export const WorkerReply = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("progress") }),
  z.strictObject({ type: z.literal("done") }),
  z.strictObject({ type: z.literal("failed"), why: z.string() }),
]);
export type WorkerReply = z.infer<typeof WorkerReply>;

/** Where each site's records lie. */
export function recordPaths({ path, file, studyPath }: Sweep, sites: readonly SiteName[]): Map<SiteName, string> {
  return new Map(
    sites.map((site) => {
      const named = file.records[site];
      return [site, named === undefined ? besideStudy(studyPath, site) : resolve(dirname(path), named)];
    }),
  );
}

const ENDINGS = [".csv", ".npz", ".yaml"];

/** The first of data/SITE.csv, .npz and .yaml (a data set's file) that is there. */
function besideStudy(studyPath: string, site: SiteName): string {
  const paths = ENDINGS.map((ending) => join(dirname(studyPath), "data", `${site}${ending}`));
  return paths.find((path) => existsSync(path)) ?? join(dirname(studyPath), "data", `${site}.csv`);
}

/** Digest of everything that a run's figures hang on, but chance. */
export async function keyOf(
  { study, point, repetition, isReal, curve }: Omit<Order, "key" | "folder"> & Pick<SweepFile, "curve">,
  records: ReadonlyMap<SiteName, string>,
  softwareVersion: string,
): Promise<Digest> {
  const contents: Record<string, string | null> = {};
  for (const [site, path] of records) contents[site] = (await contentOf(path)).digest;
  const { train, sanitize = null, unproven = null, penalty } = point;
  const ofCox = penalty === undefined ? {} : { penalty };
  const made = { train, sanitize, unproven, isReal, curve: curve ?? null, ...ofCox };
  return digestOfJson({ study: study.digest, ...made, repetition, contents, softwareVersion });
}

const KEY_FILE = "run.key";

export function keyFile(folder: string): string {
  return join(folder, KEY_FILE);
}

/** The result of an order that was carried out before; null where it must be run. */
export function resultKept({ folder, key }: Pick<Order, "folder" | "key">): RunResult | null {
  const [file, result] = [keyFile(folder), join(folder, "result.json")];
  if (!existsSync(file) || !existsSync(result)) return null;
  const kept = Digest.safeParse(readFileSync(file, "utf8").trim());
  if (!kept.success || kept.data !== key) return null;
  const parsed = RunResult.safeParse(parsedJson(readFileSync(result, "utf8")));
  if (!parsed.success) return null;
  // A figure that can't be followed to its charges is none.
  const isWhole = parsed.data.ledger === null || existsSync(join(folder, "ledger.jsonl"));
  return isWhole ? parsed.data : null;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
