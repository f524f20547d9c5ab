import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { Command } from "commander";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readStatistics, registerAuditStats } from "./auditStats.ts";
import { answerStatistics } from "./auditStatsAnswers.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-stats-"));
afterAll(() => rmSync(folder, { recursive: true }));

const outputs = (labels: readonly number[]) => ({ probs: labels.map(() => [0.7, 0.3]), labels });
const groups = { member: outputs([0, 1]), nonmember: outputs([1, 0]) };
const songMittal = { num_classes: 2, inputs: { shadow: groups, target: groups } };
const lira = {
  inputs: {
    target_phi: [1, 2],
    shadow_phi: [
      [1, 2],
      [0, 1],
      [3, 1],
      [2, 2],
    ],
    shadow_in: [
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ],
    target_member: [1, 0],
  },
};
const rmia = {
  inputs: {
    target_p: [0.5, 0.5],
    ref_p: [
      [0.5, 0.4],
      [0.3, 0.2],
    ],
    ref_in: [
      [1, 0],
      [0, 1],
    ],
    target_z: [0.5],
    ref_z: [[0.2], [0.3]],
    target_member: [1, 0],
  },
};
const runs = { tp: 9, n_pos: 10, fp: 1, n_neg: 10, alpha: 0.05, delta: 0 };
const oneRun = { m: 100, r: 50, v: 40, p: 0.05, delta: 1e-5 };
const bounds = (rows: unknown) => ({ epsilon_bounds: rows });

function failureOf(source: string): Failure {
  try {
    readStatistics(source, "figures.json");
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("It was read.");
}

async function run(...flags: string[]): Promise<{ out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => out.push(String(chunk)) > 0);
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => err.push(String(chunk)) > 0);
  const audit = new Command("audit").exitOverride();
  registerAuditStats(audit);
  try {
    await audit.parseAsync(["stats", ...flags], { from: "user" });
  } finally {
    for (const spy of [stdout, stderr]) spy.mockRestore();
  }
  return { out: out.join(""), err: err.join("") };
}

function written(content: unknown): string {
  const path = join(folder, "figures.json");
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe("[AUD23] audit stats", () => {
  test.each([{ song_mittal: songMittal }, { lira }, { rmia }, bounds({ one_run: [oneRun] })])(
    "answers the part that was given and no other, all in finite numbers: %o",
    (given) => {
      const answers = answerStatistics(readStatistics(JSON.stringify(given), "-").statistics);
      expect(Object.keys(answers)).toEqual(Object.keys(given));
      expect(JSON.stringify(answers)).not.toContain("null");
    },
  );

  test("answers to what the file holds already are not read, and are named", async () => {
    const stale = { ...oneRun, eps_lower: 123454321, p_value_at_eps_1: 123454321, eps_fdp_gaussian: 123454321 };
    const given = { about: "x", lira: { ...lira, expected: { auc: 9 } }, ...bounds({ one_run: [stale] }) };
    const { out, err } = await run("--json", "--from", written(given));
    expect(out).not.toContain("123454321");
    expect(err).toBe("not read: about, lira.expected\n");
  });

  test("without δ no Gaussian mechanism is claimed", () => {
    const given = bounds({ one_run: [{ ...oneRun, delta: 0 }] });
    const { epsilon_bounds: answers } = answerStatistics(readStatistics(JSON.stringify(given), "-").statistics);
    expect(answers?.one_run?.[0]?.eps_fdp_gaussian).toBeNull();
    expect(answers?.one_run?.[0]?.eps_lower).toBeGreaterThan(0);
  });

  test("shows people a table of attacks, and one for each kind of bound", async () => {
    const given = { song_mittal: songMittal, lira, rmia, ...bounds({ clopper_pearson: [runs], gdp_conversion: [] }) };
    const { out } = await run("--from", written(given));
    const lines = out.split("\n");
    expect(lines[0]).toMatch(/^attack +AUC +advantage +TPR at 0.1 % FPR +at 1 % +at 5 % +at 10 %$/);
    expect(
      lines.filter((line) => /^(correctness|modified_entropy|lira online|rmia online_gamma2.0) /.test(line)),
    ).toHaveLength(4);
    expect(out).toMatch(/clopper_pearson\ntp +n_pos/);
    expect(out).toMatch(/gdp_conversion\n/);
  });

  test("the example in its help and the one in its page run", async () => {
    const audit = new Command("audit");
    registerAuditStats(audit);
    let help = "";
    audit.commands[0]
      ?.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    const page = readFileSync(fileURLToPath(new URL("../../../docs/audits.md", import.meta.url)), "utf8");
    const examples = [help, page].flatMap((text) => [
      ...text.matchAll(/echo '(\{.*\})' (?:\\\n *)?\| consilium audit stats/g),
    ]);
    expect(examples).toHaveLength(2);
    for (const [, example = ""] of examples) expect(readStatistics(example, "-").ignored).toEqual([]);
    expect(page).toContain((await run("--from", written(JSON.parse(examples[1]?.[1] ?? "")))).out.trim());
  });
});

describe("[AUD23] audit stats says where a figure is not as it should be", () => {
  const target = (member: unknown) => ({
    song_mittal: { ...songMittal, inputs: { shadow: groups, target: { ...groups, member } } },
  });
  const liraWith = (inputs: object) => ({ lira: { inputs: { ...lira.inputs, ...inputs } } });
  const rmiaWith = (inputs: object) => ({ rmia: { inputs: { ...rmia.inputs, ...inputs } } });
  test.each<[string, unknown, RegExp]>([
    ["unequal lengths", target({ probs: [[0.5, 0.5]], labels: [0, 1] }), /target\.member: has 1 probs and 2 labels/],
    ["a sum that isn't 1", target({ probs: [[0.5, 0.4]], labels: [0] }), /target\.member\.probs\[0\]: must sum to 1/],
    ["too many classes", target({ probs: [[0.5, 0.3, 0.2]], labels: [0] }), /probs\[0\]: must have 2 numbers/],
    [
      "a label out of range",
      target({ probs: [[0.5, 0.5]], labels: [2] }),
      /target\.member\.labels\[0\]: must be below 2/,
    ],
    ["an empty group", target({ probs: [], labels: [] }), /song_mittal\.inputs\.target\.member\.probs/],
    ["a probability above 1", target({ probs: [[1.5, -0.5]], labels: [0] }), /target\.member\.probs\[0\]\[0\]/],
    [
      "a class without shadow records",
      {
        song_mittal: { num_classes: 2, inputs: { shadow: { ...groups, nonmember: outputs([0, 0]) }, target: groups } },
      },
      /shadow\.nonmember: has no record of class 1/,
    ],
    ["one kind of records", liraWith({ target_member: [1, 1] }), /target_member: needs members \(1\) and non-members/],
    ["flags for other records", liraWith({ target_member: [1, 0, 1] }), /target_member: has 3 entries for 2 records/],
    ["a short model", liraWith({ shadow_phi: [[1], [0, 1], [3, 1], [2, 2]] }), /shadow_phi: has 1 entries in model 0/],
    ["models without flags", liraWith({ shadow_in: [[1, 0]] }), /shadow_in: has 1 models, the table beside it 4/],
    [
      "one shadow model with a record",
      liraWith({
        shadow_in: [
          [1, 0],
          [0, 0],
          [0, 1],
          [0, 1],
        ],
      }),
      /shadow_in: record 0 is in 1 models and out of 3; the attack needs at least 2 of each/,
    ],
    ["NaN written as null", liraWith({ target_phi: [null, 2] }), /lira\.inputs\.target_phi\[0\]/],
    [
      "a flag that is neither",
      rmiaWith({
        ref_in: [
          [2, 0],
          [0, 1],
        ],
      }),
      /rmia\.inputs\.ref_in\[0\]\[0\]/,
    ],
    ["no population", rmiaWith({ target_z: [], ref_z: [[], []] }), /rmia\.inputs\.target_z/],
    ["a population of other models", rmiaWith({ ref_z: [[0.2]] }), /ref_z: has 1 models and ref_p 2/],
    ["an unknown key inside", rmiaWith({ target_q: [] }), /rmia\.inputs: .*target_q/],
    ["an unknown kind of bound", bounds({ two_run: [] }), /epsilon_bounds: .*two_run/],
    [
      "more hits than runs",
      bounds({ clopper_pearson: [{ ...runs, tp: 11 }] }),
      /clopper_pearson\[0\]: needs tp ≤ n_pos/,
    ],
    ["more alarms than runs", bounds({ clopper_pearson: [{ ...runs, fp: 11 }] }), /clopper_pearson\[0\]: .*fp ≤ n_neg/],
    ["no runs", bounds({ clopper_pearson: [{ ...runs, fp: 0, n_neg: 0 }] }), /clopper_pearson\[0\]\.n_neg/],
    ["more right than guessed", bounds({ one_run: [{ ...oneRun, v: 51 }] }), /one_run\[0\]: needs v ≤ r ≤ m/],
    ["more guesses than coins", bounds({ one_run: [{ ...oneRun, m: 40 }] }), /one_run\[0\]: needs v ≤ r ≤ m/],
    ["a significance of a half", bounds({ one_run: [{ ...oneRun, p: 0.5 }] }), /one_run\[0\]\.p/],
    ["δ of 1", bounds({ one_run: [{ ...oneRun, delta: 1 }] }), /one_run\[0\]\.delta/],
    ["a Gaussian without δ", bounds({ gdp_conversion: [{ mu: 1, delta: 0 }] }), /gdp_conversion\[0\]\.delta/],
    [
      "a spread of 0",
      bounds({ one_shot_federated_canary: [{ mean_cos: 0, std_cos: 0, dim: 9, delta: 0.1 }] }),
      /one_shot_federated_canary\[0\]\.std_cos/,
    ],
    ["none of the parts", { lyra: lira }, /has none of song_mittal, lira, rmia, epsilon_bounds, but lyra/],
    ["a list", [], /the whole/],
  ])("%s", (_, given, expected) => {
    const failure = failureOf(JSON.stringify(given));
    expect([failure.code, failure.exitCode]).toEqual(["config/bad-statistics", 3]);
    expect(failure.message).toMatch(expected);
    expect(failure.remedy).toContain("--help");
  });

  test("what is no JSON, as NaN isn't", () => {
    const failure = failureOf('{"lira":{"inputs":{"target_phi":[NaN]}}}');
    expect([failure.code, failure.exitCode]).toEqual(["config/bad-json", 3]);
    expect(failure.message).toContain("figures.json is no JSON");
  });

  test("a long list of faults is cut", () => {
    const many = { ...lira.inputs, target_phi: Array.from({ length: 30 }, () => "x") };
    expect(failureOf(JSON.stringify({ lira: { inputs: many } })).message).toMatch(/; …\.$/);
  });

  test("a file that isn't there", async () => {
    const failure: unknown = await run("--from", join(folder, "none.json")).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "usage/unreadable-file", exitCode: 2 });
  });
});
