/** A matrix as wide as a genome's expression, sanitized into a CSV file by a process of its own; beside it SciPy. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { GENES } from "./matrixCases.ts";
import { writeMatrix } from "./matrixFiles.ts";
import { PYTHON_VARIABLE } from "./peers.ts";
import { type BenchCase, skippedCase, timedCase } from "./report.ts";

export interface SanitizeCase {
  readonly name: string;
  readonly samples: number;
  readonly method: "dct-laplace" | "projection";
  /** The largest alone: the others tell whether memory hangs on the number of records. */
  readonly hasPeer: boolean;
}

const METHODS = { "dct-laplace": "50 coefficients", projection: "50 dimensions" } as const;

export const SANITIZE_CASES: readonly SanitizeCase[] = (["dct-laplace", "projection"] as const).flatMap((method) =>
  [500, 1000, 2000].map((samples) => ({
    name: `sanitized by ${method}, ${METHODS[method]}, ${samples} samples × ${GENES} genes`,
    ...{ samples, method, hasPeer: samples === 2000 },
  })),
);

const ONCE = fileURLToPath(new URL("./sanitizeOnce.js", import.meta.url));
const PEER = fileURLToPath(new URL("../../peers/sanitize.py", import.meta.url));

const Once = z.strictObject({ times: z.array(z.number()).min(1), peakRssMiB: z.number() });
const PeerOnce = z.union([Once.extend({ name: z.string() }), z.strictObject({ why: z.string() })]);

/** The case, and behind it the peer's. */
export function sanitizeCase(folder: string, { name, samples, method, hasPeer }: SanitizeCase): BenchCase[] {
  process.stderr.write(`data: ${name}\n`);
  const [file, out] = [join(folder, "matrix.npy"), join(folder, "sanitized.csv")];
  try {
    writeMatrix(file, "npy", [samples, GENES]);
    writeFileSync(join(folder, "labels.csv"), `label\n${"0\n1\n".repeat(samples / 2)}`);
    const dataset = join(folder, "matrix.yaml");
    const matrix = "{ file: matrix.npy, orientation: samples-by-genes, annotations: { file: labels.csv } }";
    writeFileSync(dataset, `apiVersion: consilium/v1\nkind: Dataset\nsource: { matrix: ${matrix} }\n`);
    const child = spawnSync(process.execPath, [ONCE, dataset, String(GENES), method, out], { encoding: "utf8" });
    if (child.status !== 0) {
      process.exitCode = 1;
      process.stderr.write(child.stderr);
      return [skippedCase(name, "node", `the process ended by ${child.signal ?? `exit code ${child.status}`}`)];
    }
    const own = timedCase({ name, backend: "node", ...Once.parse(JSON.parse(child.stdout)) }, null);
    if (!hasPeer) return [own];
    const peer = byPeer(file, method, join(folder, "sanitized.npy"));
    if ("why" in peer) return [own, skippedCase(name, "scipy", peer.why)];
    const theirs = timedCase({ ...peer, name, backend: "scipy" }, null);
    const reference = { name: peer.name, median: theirs.median, ratio: own.median / theirs.median };
    return [{ ...own, reference }, theirs];
  } finally {
    for (const path of [file, out, join(folder, "sanitized.npy")]) rmSync(path, { force: true });
  }
}

function byPeer(file: string, method: SanitizeCase["method"], out: string): z.infer<typeof PeerOnce> {
  const python = process.env[PYTHON_VARIABLE] || "python3";
  const { status, stdout, stderr, error } = spawnSync(python, [PEER, file, method, out], { encoding: "utf8" });
  if (error !== undefined) return { why: `${python} can't be started` };
  if (status !== 0) return { why: stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "it failed" };
  return PeerOnce.parse(JSON.parse(stdout));
}
