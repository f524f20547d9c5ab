import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { registerBudgetEpsilon } from "./budgetEpsilon.ts";

const figure = z.number().optional();
const Vectors = z.object({
  source: z.string(),
  plans: z.array(
    z.looseObject({
      delta: z.number(),
      segments: z.array(z.looseObject({ mechanism: z.string() })),
      figures: z.object({ exact: figure, pld: figure, loosePld: figure, rdp: figure }),
    }),
  ),
});
const vectorsFile = fileURLToPath(new URL("../../../test/vectors/dp-plans.json", import.meta.url));
const { source, plans } = Vectors.parse(JSON.parse(readFileSync(vectorsFile, "utf8")));

const bound = z.number().nullable();
const Answers = z.array(z.strictObject({ rdp: bound, pld: z.strictObject({ lower: bound, upper: bound }) }));
let answers: z.infer<typeof Answers>;

/** All plans at once through the command. */
beforeAll(async () => {
  const asked = plans.map(({ delta, segments }) => ({ delta, segments }));
  const written: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0);
  const budget = new Command("budget").exitOverride();
  const folder = mkdtempSync(join(tmpdir(), "consilium-plans-"));
  writeFileSync(join(folder, "plans.json"), JSON.stringify(asked));
  registerBudgetEpsilon(budget);
  await budget.parseAsync(["epsilon", "--json", "--from", join(folder, "plans.json")], { from: "user" });
  stdout.mockRestore();
  rmSync(folder, { recursive: true });
  answers = Answers.parse(JSON.parse(written.join("")));
}, 300_000);

/** Plans with a figure of this name, beside their answers. */
function compared(name: keyof (typeof plans)[number]["figures"]) {
  return plans.flatMap(({ segments, figures }, index) => {
    const [theirs, ours] = [figures[name], answers[index]];
    return theirs === undefined || ours === undefined ? [] : [{ theirs, ...ours, segments }];
  });
}

describe(`[ACC4] budget epsilon against ${source}`, () => {
  test("the true ε of every closed form lies between the PLD's bounds, which are 4e-4 apart at most", () => {
    const exact = compared("exact");
    expect(exact.length).toBe(54);
    for (const { theirs, pld, rdp } of exact) {
      expect(pld.upper).toBeGreaterThanOrEqual(theirs);
      expect(pld.upper).toBeLessThanOrEqual(theirs * (1 + 2e-4));
      expect(pld.lower).toBeLessThanOrEqual(theirs);
      expect(pld.lower).toBeGreaterThanOrEqual(theirs * (1 - 2e-4));
      expect(rdp).toBeGreaterThanOrEqual(theirs);
    }
  });

  test("PLD: within 1e-3 of dp_accounting's above ε = 0.01, or below it with a lower bound that shows why", () => {
    const pld = compared("pld").filter(({ theirs }) => theirs > 0.01);
    expect(pld.length).toBeGreaterThan(150);
    const tighter = pld.filter(({ theirs, pld: { upper, lower } }) => {
      expect(upper).toBeLessThanOrEqual(theirs * (1 + 1e-3));
      expect((upper ?? Number.NaN) - (lower ?? Number.NaN)).toBeLessThanOrEqual(1e-3 * theirs);
      return (upper ?? Number.NaN) < theirs * (1 - 1e-3);
    });
    // Its grid of 1e-4 is coarse beside one step at q = 0.001: 0.3 to 8 % too much.
    expect(tighter.every(({ segments }) => segments.every(({ samplingRate }) => samplingRate === 0.001))).toBe(true);
    expect(tighter.length).toBeLessThan(10);
  });

  test("discrete noise: never above dp_accounting's, which rounds losses up to its grid", () => {
    const loose = compared("loosePld");
    expect(loose.length).toBe(12);
    for (const { theirs, pld } of loose) {
      expect(pld.upper).toBeLessThanOrEqual(theirs * (1 + 1e-6));
      expect(pld.upper).toBeGreaterThanOrEqual(theirs * (1 - 0.04));
      expect(pld.lower).toBeGreaterThanOrEqual((pld.upper ?? Number.NaN) * (1 - 0.012));
    }
  });

  test("RDP: never above theirs, never below the PLD; equal for zCDP and without replacement", () => {
    const rdp = compared("rdp");
    expect(rdp.length).toBeGreaterThan(150);
    for (const { theirs, rdp: ours, pld, segments } of rdp) {
      expect(ours).toBeLessThanOrEqual(theirs * (1 + 1e-9));
      if (pld.upper !== null) expect(ours).toBeGreaterThanOrEqual(pld.lower ?? Number.NaN);
      const [first] = segments;
      if (first?.mechanism !== "zcdp" && first?.mechanism !== "gaussian-without-replacement") continue;
      expect(ours).toBeGreaterThanOrEqual(theirs * (1 - 1e-9));
      expect(pld).toEqual({ lower: null, upper: null });
    }
  });
});
