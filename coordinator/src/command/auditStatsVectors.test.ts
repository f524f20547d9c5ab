import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { registerAuditStats } from "./auditStats.ts";

const file = fileURLToPath(new URL("../../../test/vectors/audit-stats.json", import.meta.url));
const Part = z.looseObject({ expected: z.record(z.string(), z.unknown()) });
const Rows = z.array(z.record(z.string(), z.number().nullable()));
const vectors = z
  .looseObject({
    source: z.string(),
    song_mittal: Part,
    lira: Part,
    rmia: Part,
    epsilon_bounds: z.record(z.string(), Rows),
  })
  .parse(JSON.parse(readFileSync(file, "utf8")));

const Group = z.record(z.string(), z.unknown());
const Answers = z.object({ song_mittal: Group, lira: Group, rmia: Group, epsilon_bounds: Group });
let answers: z.infer<typeof Answers>;

/** The whole committed file through the command. */
beforeAll(async () => {
  const written: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0);
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const audit = new Command("audit").exitOverride();
  registerAuditStats(audit);
  await audit.parseAsync(["stats", "--json", "--from", file], { from: "user" });
  for (const spy of [stdout, stderr]) spy.mockRestore();
  answers = Answers.parse(JSON.parse(written.join("")));
});

/** Each number that is expected, with ours at the same place and the place's name. Null: theirs wasn't computed. */
function paired(theirs: unknown, ours: unknown, place = ""): readonly { place: string; gap: number }[] {
  if (theirs === null) return [];
  if (typeof theirs === "number")
    return [{ place, gap: typeof ours === "number" ? Math.abs(theirs - ours) : Infinity }];
  if (typeof theirs !== "object") return [{ place, gap: theirs === ours ? 0 : Number.POSITIVE_INFINITY }];
  const of = z.record(z.string(), z.unknown()).catch({});
  const mine = of.parse(Array.isArray(ours) ? { ...ours } : ours);
  return Object.entries(theirs).flatMap(([key, value]) => paired(value, mine[key], `${place}/${key}`));
}

/** Where a reference stops its root search early, and by how much it may miss. */
const SEARCH_TOLERANCE = 1e-6;
const beyond = (pairs: ReturnType<typeof paired>, most: number) => pairs.filter(({ gap }) => !(gap <= most));

describe(`[AUD23] audit stats against ${vectors.source}`, () => {
  test.each(["song_mittal", "lira", "rmia"] as const)("%s: every figure to 1e-9, and no other figure", (part) => {
    const { expected } = vectors[part];
    const pairs = paired(expected, answers[part]);
    expect(pairs.length).toBeGreaterThan(400);
    expect(beyond(pairs, 1e-9)).toEqual([]);
    expect(Object.keys(answers[part]).sort()).toEqual(Object.keys(expected).sort());
  });

  test.each(["clopper_pearson", "gdp_conversion"])("%s to 1e-9", (kind) => {
    const pairs = paired(vectors.epsilon_bounds[kind], answers.epsilon_bounds[kind]);
    expect(pairs.length).toBeGreaterThan(10);
    expect(beyond(pairs, 1e-9)).toEqual([]);
  });

  test("one_run to 1e-9; by the Gaussian curve within the 1e-6 to which the reference searches", () => {
    const pairs = paired(vectors.epsilon_bounds.one_run, answers.epsilon_bounds.one_run);
    const isGaussian = ({ place }: { place: string }) => place.endsWith("/eps_fdp_gaussian");
    expect(pairs.filter(isGaussian).length).toBe(12);
    expect(beyond(pairs, SEARCH_TOLERANCE)).toEqual([]);
    expect(
      beyond(
        pairs.filter((pair) => !isGaussian(pair)),
        1e-9,
      ),
    ).toEqual([]);
  });

  test("the canary estimate: within 1e-6 of the reference, to 1e-12 of what 40-digit arithmetic gives", () => {
    const rows = answers.epsilon_bounds.one_shot_federated_canary;
    expect(beyond(paired(vectors.epsilon_bounds.one_shot_federated_canary, rows), SEARCH_TOLERANCE)).toEqual([]);
    const eps = Rows.parse(rows).map((row) => row.eps ?? Number.NaN);
    // mpmath 1.3 with 40 digits, root of δ(ε) = 1e-5 for N(0.02, 0.011²) against N(0, 0.01²).
    expect(Math.abs((eps[0] ?? Number.NaN) - 12.573898491583304)).toBeLessThan(1e-12);
  });
});
