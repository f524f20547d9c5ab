/** Folders of pictures, read by a process of their own: decoded the first time, taken from the cache the second. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { writeFilms, writeSlices } from "./filmFiles.ts";
import { quantile } from "./quantile.ts";
import { type BenchCase, skippedCase } from "./report.ts";

/** Folder of real films, instead of made ones. */
const FILMS_VARIABLE = "CONSILIUM_FILMS";
/** As many as the published set of children's chest films. */
const FILMS = 5856;
const SLICES = 500;
const CACHED_RUNS = 3;
const SIDE = 64;

const ours = process.env[FILMS_VARIABLE];
const films = ours ? `films of ${FILMS_VARIABLE}` : `${FILMS} made grey JPEG films of 970 × 1320`;
const slices = `${SLICES} made DICOM files of 512 × 512, 16 bits, uncompressed`;

export const FILM_CASES = [
  { name: `${films} to ${SIDE} × ${SIDE}, cold`, of: "films" },
  { name: `${films} to ${SIDE} × ${SIDE}, cached`, of: "films" },
  { name: `${slices}, to ${SIDE} × ${SIDE}, cold`, of: "slices" },
  { name: `${slices}, to ${SIDE} × ${SIDE}, cached`, of: "slices" },
] as const;

const READER = fileURLToPath(new URL("./readPictures.js", import.meta.url));

const PicturesRead = z.strictObject({
  times: z.array(z.number().positive()).min(1),
  records: z.number().int().positive(),
  sum: z.number(),
  peakRssMiB: z.number(),
});
type PicturesRead = z.infer<typeof PicturesRead>;

/** Those of the wanted cases; a cached one needs its cold one, which is read either way. */
export async function filmCases(folder: string, wanted: readonly string[]): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const of of ["films", "slices"] as const) {
    const names = FILM_CASES.filter((one) => one.of === of).map(({ name }) => name);
    if (!names.some((name) => wanted.includes(name))) continue;
    const both = await readTwice(folder, of, names);
    cases.push(...both.filter(({ name }) => wanted.includes(name)));
  }
  return cases;
}

async function readTwice(folder: string, of: "films" | "slices", names: readonly string[]): Promise<BenchCase[]> {
  const pictures = of === "films" && ours ? resolve(ours) : join(folder, of);
  const isMade = pictures === join(folder, of);
  process.stderr.write(`data: ${isMade ? "making" : "reading"} ${of}\n`);
  try {
    if (isMade) await (of === "films" ? writeFilms(pictures, FILMS) : writeSlices(pictures, SLICES));
    const source = { folder: pictures, size: [SIDE, SIDE] };
    const dataset = join(folder, `${of}.yaml`);
    const kind = of === "films" ? { images: source } : { dicom: source };
    writeFileSync(dataset, JSON.stringify({ apiVersion: "consilium/v1", kind: "Dataset", source: kind }));
    const cache = join(folder, `${of}-cache`);
    const sums: number[] = [];
    return names.map((name, i) => {
      process.stderr.write(`data: ${name}\n`);
      const read = readOnce(dataset, i === 0 ? 1 : CACHED_RUNS, cache);
      if (typeof read === "string") return failed(name, read);
      sums.push(read.sum);
      return sums.every((sum) => sum === sums[0]) ? ratedCase(name, read) : failed(name, "its pictures differ");
    });
  } finally {
    if (isMade) rmSync(pictures, { recursive: true, force: true });
  }
}

function readOnce(dataset: string, runs: number, cache: string): PicturesRead | string {
  const child = spawnSync(process.execPath, [READER, dataset, String(runs), cache], { encoding: "utf8" });
  if (child.status === 0) return PicturesRead.parse(JSON.parse(child.stdout));
  process.stderr.write(child.stderr);
  return `the reading process ended by ${child.signal ?? `exit code ${child.status}`}`;
}

/** Files of which each is one record, by the clock on the wall: threads decode them. */
function ratedCase(name: string, { times, records, peakRssMiB }: PicturesRead): BenchCase {
  const rates = times.map((ms) => (1000 * records) / ms);
  const at = (share: number): number => quantile(rates, share);
  const figures = { median: at(0.5), p10: at(0.1), p90: at(0.9), runs: rates.length, peakRssMiB };
  return { name, backend: "node", unit: "files/s", ...figures, reference: null, skipped: null };
}

function failed(name: string, why: string): BenchCase {
  process.exitCode = 1;
  return skippedCase(name, "node", why);
}
