import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { Command } from "commander";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { epsilonOfPlan, readPlans, registerBudgetEpsilon } from "./budgetEpsilon.ts";

const training = { mechanism: "poisson-gaussian", samplingRate: 0.01, noiseMultiplier: 1, steps: 1000 };
const plan = { delta: 1e-5, segments: [training] };

const folder = mkdtempSync(join(tmpdir(), "consilium-budget-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** Standard output of `budget epsilon` with these arguments. */
async function run(...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  const budget = new Command("budget").exitOverride();
  registerBudgetEpsilon(budget);
  await budget.parseAsync(["epsilon", ...args], { from: "user" });
  return written.join("");
}

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function refusal(content: unknown): Failure {
  try {
    readPlans(typeof content === "string" ? content : JSON.stringify(content), "plans.json");
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it was read");
}

describe("budget epsilon answers each question, in order", () => {
  test("as JSON, nothing else on standard output", async () => {
    const twice = { delta: 1e-6, segments: [training, { ...training, steps: 500, noiseMultiplier: 2 }] };
    const output = await run("--json", "--from", file("plans.json", [plan, twice, { delta: 1e-5, segments: [] }]));
    const answers: unknown = JSON.parse(output);
    const pld = { lower: expect.closeTo(1.8282, 3), upper: expect.closeTo(1.8282, 3) };
    expect(answers).toEqual([
      { rdp: expect.closeTo(2.101365, 5), pld },
      { rdp: expect.any(Number), pld: { lower: expect.any(Number), upper: expect.any(Number) } },
      { rdp: 0, pld: { lower: 0, upper: 0 } },
    ]);
    expect(output.endsWith("]\n")).toBe(true);
  });

  test("as text", async () => {
    expect(await run("--from", file("text.json", [plan]))).toBe(
      "plan 0: ε = 2.1014 (RDP), ε = 1.8284 (PLD) at δ = 0.00001\n",
    );
  });

  test("pure ε, no steps, and noise too small for any bound", () => {
    const epsilon = (segment: object) =>
      readPlans(JSON.stringify([{ delta: 1e-9, segments: [segment] }]), "-").map(epsilonOfPlan)[0];
    expect(epsilon({ mechanism: "discrete-laplace", sensitivity: 1, scale: 4, count: 1 })?.rdp).toBeCloseTo(0.25, 6);
    expect(epsilon({ ...training, steps: 0 })).toEqual({ rdp: 0, pld: { lower: 0, upper: 0 } });
    const none = { rdp: null, pld: { lower: null, upper: null } };
    expect(epsilon({ ...training, noiseMultiplier: 1e-200 })).toEqual(none);
  });

  test("what is wrong is named by index and field", () => {
    expect(refusal([plan, { ...plan, segments: [training, { ...training, samplingRate: 2 }] }]).message).toContain(
      "[1].segments[1].samplingRate",
    );
    expect(refusal([{ segments: [] }]).message).toContain("[0].delta");
    expect(refusal([{ ...plan, delta: 1 }]).message).toContain("[0].delta");
    const unknown = ["magic", "gaussian-with-replacement", "matrix-factorization", "tree-aggregation"];
    for (const mechanism of unknown) {
      const refused = refusal([plan, { ...plan, segments: [training, { mechanism, steps: 3 }] }]);
      expect(refused).toMatchObject({ code: "accountant/unsupported", kind: "config" });
      expect(refused.message).toContain("[1].segments[1].mechanism");
    }
    expect(refusal([{ ...plan, adjacency: "replace-one" }])).toMatchObject({
      code: "config/bad-plan",
      kind: "config",
      exitCode: 3,
    });
    expect(refusal({}).message).toContain("the whole");
    expect(refusal("[{")).toMatchObject({ code: "config/bad-json" });
  });

  test("costs under different neighbouring relations are not added", () => {
    const replaced = { batch: 50, population: 1000, noiseMultiplier: 2, steps: 10, adjacency: "replace" };
    const segment = { mechanism: "gaussian-without-replacement", ...replaced };
    const [mixed] = readPlans(JSON.stringify([{ ...plan, segments: [training, segment] }]), "-");
    if (mixed === undefined) throw new Error("nothing was read");
    expect(() => epsilonOfPlan(mixed)).toThrow(expect.objectContaining({ code: "accountant/mixed-adjacency" }));
    expect(refusal([{ ...plan, segments: [{ ...segment, batch: 1001 }] }]).message).toContain("segments[0].batch");
    expect(refusal([{ ...plan, segments: [{ ...segment, adjacency: "add-remove" }] }]).message).toContain("adjacency");
  });

  test("a file that can't be read is a wrong use", async () => {
    await expect(run("--from", join(folder, "absent.json"))).rejects.toMatchObject({
      code: "usage/unreadable-file",
      kind: "usage",
    });
  });
});
