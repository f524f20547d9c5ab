/** Matrices as wide as a genome's expression, read to the last number by a process of their own. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { writeMatrix } from "./matrixFiles.ts";
import { PYTHON_VARIABLE } from "./peers.ts";
import { type BenchCase, skippedCase, timedCase } from "./report.ts";

/** The genes of the papers' widest set. */
export const GENES = 25_160;

export interface MatrixCase {
  readonly name: string;
  readonly samples: number;
  readonly ending: "npy" | "npz" | "csv";
  /** What a line of the file is. */
  readonly lines: "samples" | "genes";
  readonly runs: number;
}

const cases = (
  ending: MatrixCase["ending"],
  lines: MatrixCase["lines"],
  samples: number,
  runs: number,
): MatrixCase => ({
  name: `${ending}, ${samples} samples × ${GENES} genes, ${lines === "genes" ? "gene by gene" : "sample by sample"}`,
  samples,
  ending,
  lines,
  runs,
});

/** A quarter of the samples tells whether memory hangs on their number. */
export const MATRIX_CASES: readonly MatrixCase[] = [
  cases("npy", "samples", 500, 3),
  cases("npy", "samples", 2000, 3),
  cases("npy", "genes", 2000, 3),
  cases("npz", "samples", 2000, 3),
  cases("csv", "samples", 2000, 1),
  cases("csv", "genes", 2000, 1),
];

const READER = fileURLToPath(new URL("./readData.js", import.meta.url));
const PEER = fileURLToPath(new URL("../../peers/matrices.py", import.meta.url));

/** Milliseconds of processor time of each run, the sum of all numbers and the peak of memory. */
export const ReadOnce = z.strictObject({ times: z.array(z.number()).min(1), sum: z.number(), peakRssMiB: z.number() });
const PeerRead = z.union([ReadOnce.extend({ name: z.string() }), z.strictObject({ why: z.string() })]);

export function matrixCase(folder: string, { name, samples, ending, lines, runs }: MatrixCase): BenchCase {
  process.stderr.write(`data: ${name}\n`);
  const file = join(folder, `matrix.${ending}`);
  try {
    const sum = writeMatrix(file, ending, lines === "samples" ? [samples, GENES] : [GENES, samples]);
    writeFileSync(join(folder, "labels.csv"), `label\n${"0\n".repeat(samples)}`);
    const orientation = lines === "samples" ? "samples-by-genes" : "genes-by-samples";
    const dataset = join(folder, "matrix.yaml");
    writeFileSync(
      dataset,
      "apiVersion: consilium/v1\nkind: Dataset\n" +
        `source: { matrix: { file: "${file}", orientation: ${orientation}, annotations: { file: labels.csv } } }\n`,
    );
    const child = spawnSync(process.execPath, [READER, dataset, String(runs)], { encoding: "utf8" });
    if (child.status !== 0) {
      process.exitCode = 1;
      process.stderr.write(child.stderr);
      return skippedCase(name, "node", `the reading process ended by ${child.signal ?? `exit code ${child.status}`}`);
    }
    const read = ReadOnce.parse(JSON.parse(child.stdout));
    if (Math.abs(read.sum / sum - 1) > 1e-6) {
      process.exitCode = 1;
      return skippedCase(name, "node", "its numbers are not those that were written");
    }
    const peer = readByPeer(file, runs);
    if ("why" in peer) process.stderr.write(`data: no comparison: ${peer.why}\n`);
    const own = timedCase({ name, backend: "node", peakRssMiB: read.peakRssMiB, times: read.times }, null);
    if ("why" in peer) return own;
    const theirs = timedCase({ name, backend: peer.name, peakRssMiB: peer.peakRssMiB, times: peer.times }, null);
    const memory = `${peer.name}, which takes ${Math.round(peer.peakRssMiB)} MiB`;
    return { ...own, reference: { name: memory, median: theirs.median, ratio: own.median / theirs.median } };
  } finally {
    rmSync(file, { force: true });
  }
}

function readByPeer(file: string, runs: number): z.infer<typeof PeerRead> {
  const python = process.env[PYTHON_VARIABLE] || "python3";
  const { status, stdout, stderr, error } = spawnSync(python, [PEER, file, String(runs)], { encoding: "utf8" });
  if (error !== undefined) return { why: `${python} can't be started` };
  if (status !== 0) return { why: stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "it failed" };
  return PeerRead.parse(JSON.parse(stdout));
}
