import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabelRule } from "@consilium/shared/sanitizer/method";
import { statementOf } from "@consilium/shared/sanitizer/statement";
import { DataContract } from "@consilium/shared/study/contract";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { csvChunks } from "../sanitizer/csvTable.ts";
import { planOf } from "./sanitizePlan.ts";
import { survey } from "./sanitizeRead.ts";
import { noisedTable } from "./sanitizeWrite.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "consilium-sanitize-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const contract = DataContract.parse({
  columns: [
    { name: "a", type: "number", min: 0, max: 10 },
    { name: "b", type: "number", min: -5, max: 5 },
    { name: "c", type: "category", values: ["x", "y"], missing: { fill: "x", indicator: true } },
  ],
  label: { name: "sick", values: [0, 1] },
});

/** Every patient of one data set is the neighbour's other record: one run of the command's work is many trials. */
const TRIALS = 4000;
const HEADER = "a,b,c,sick";
const [ONE, OTHER] = ["0,-5,x,0", "10,5,y,1"];

/** How often a run gives what the other record makes likelier: high numbers and the label 1; and each label's share. */
async function run(record: string, epsilon: number, labels: LabelRule) {
  const path = join(root, `${record.length}${operatingSystemRandom.bytes(4).join("")}.csv`);
  await writeFile(path, `${HEADER}\n${Array.from({ length: TRIALS }, () => record).join("\n")}\n`);
  const source = { path, contract, secret: new Uint8Array(32) };
  const plan = planOf(
    { method: "dct-laplace", epsilon, promise: "record", coefficients: 2, clip: 1, delta: 1e-5 },
    labels,
    { columns: 5, labelValues: 2, recordsPerPatient: 1 },
  );
  const { kept } = await survey(source, operatingSystemRandom);
  const table = await noisedTable({ source, kept, plan, out: path, say: () => undefined });
  const text = Array.from(csvChunks(table), (chunk) => Buffer.from(chunk).toString("utf8")).join("");
  const [header, ...lines] = text.trimEnd().split("\n");
  expect(header).toBe("a,b,c,sick");
  expect(lines).toHaveLength(TRIALS);
  const rows = lines.map((line) => line.split(","));
  const high = rows.filter(([a, b, , sick]) => Number(a) - 5 + Number(b) > 2 && sick === "1").length;
  return { high, sick: rows.filter(({ 3: sick }) => sick === "1").length, plan };
}

/** What tells the two apart at least, but for one run in 10⁶: the logarithm of the ratio, less five deviations. */
function measured(likely: number, seldom: number): number {
  const deviation = Math.sqrt(1 / Math.max(1, likely) + 1 / Math.max(1, seldom));
  return Math.log(likely / Math.max(1, seldom)) - 5 * deviation;
}

describe("[SAN15] files of neighbours, through all of the command's work, are told apart no better than was booked", () => {
  const labels = LabelRule.parse({ label: "randomised", epsilon: 1 });

  test("measured below the booked ε; and above it where there is a quarter of the noise", async () => {
    const [one, other] = [await run(ONE, 1, labels), await run(OTHER, 1, labels)];
    const booked = statementOf(one.plan.all, "randomised", 1e-5).record?.epsilon ?? Number.NaN;
    expect(booked).toBeCloseTo(2, 6);
    expect(measured(other.high, one.high)).toBeLessThan(booked);
    expect(measured(other.high, one.high)).toBeGreaterThan(0.5);
    const [loud, louder] = [await run(ONE, 4, labels), await run(OTHER, 4, labels)];
    expect(measured(louder.high, loud.high)).toBeGreaterThan(booked);
  });

  test("labels are answered at random at least as often as is said", async () => {
    const { sick } = await run(OTHER, 1, LabelRule.parse({ label: "randomised", epsilon: 0.7 }));
    const truth = Math.exp(0.7) / (1 + Math.exp(0.7));
    expect(Math.abs(sick / TRIALS - truth)).toBeLessThan(5 * Math.sqrt((truth * (1 - truth)) / TRIALS));
  });
});
