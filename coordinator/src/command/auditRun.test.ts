import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { publicUniform } from "@consilium/shared/model/initial";
import { buildRelease } from "@consilium/shared/release/build";
import { formatFiles } from "@consilium/shared/release/formats";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { modelFile } from "@consilium/shared/release/model";
import { encodeSafetensors } from "@consilium/shared/release/safetensors";
import { modelSpecOfStudy } from "@consilium/shared/study/network";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { registerAuditRun } from "./auditRun.ts";

const WIDTH = 60;
const RECORDS = 80;
let folder: string;
const at = (name: string) => join(folder, name);

/** Records with labels at random: whoever knows their labels has learnt them by heart. */
function someRecords(seed: number) {
  const next = publicUniform(seed);
  return Array.from({ length: RECORDS }, () => ({
    features: Array.from({ length: WIDTH }, () => 2 * next() - 1),
    label: next() < 0.5 ? 0 : 1,
  }));
}

type Records = ReturnType<typeof someRecords>;

/** Logistic regression by plain descent, without noise or clipping, far too long: a model that remembers. */
function learntByHeart(records: Records): Float32Array {
  const weights = new Float32Array(WIDTH);
  for (let step = 0; step < 300; step++) {
    const gradient = new Float32Array(WIDTH);
    for (const { features, label } of records) {
      const logit = features.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0);
      const error = 1 / (1 + Math.exp(-logit)) - label;
      for (const [i, value] of features.entries()) gradient[i] = (gradient[i] ?? 0) + error * value;
    }
    for (const [i, value] of gradient.entries()) weights[i] = (weights[i] ?? 0) - (5 * value) / RECORDS;
  }
  return weights;
}

function writeTable(name: string, records: Records): void {
  const header = [...Array.from({ length: WIDTH }, (_, i) => `x${i}`), "sick"].join(",");
  writeFileSync(at(name), [header, ...records.map(({ features, label }) => [...features, label].join(","))].join("\n"));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "consilium-outsider-"));
  const [trained, others] = [someRecords(1), someRecords(2)];
  writeTable("members.csv", trained);
  writeTable("others.csv", others);
  const kernel = { name: "dense/kernel", shape: [WIDTH, 1], values: learntByHeart(trained) };
  const bias = { name: "dense/bias", shape: [1], values: new Float32Array(1) };
  writeFileSync(at("model.safetensors"), encodeSafetensors({ tensors: [kernel, bias], metadata: {} }));
  const input = { class_name: "InputLayer", config: { batch_input_shape: [null, WIDTH], name: "in" } };
  const dense = { class_name: "Dense", config: { name: "dense", units: 1, activation: "sigmoid", use_bias: true } };
  const config = { name: "wide", layers: [input, dense] };
  writeFileSync(at("broken.onnx"), "nothing of the kind");
  writeFileSync(at("model.json"), JSON.stringify({ class_name: "Sequential", config, keras_version: "2.11.0" }));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.exitCode = undefined;
});

async function run(...flags: string[]): Promise<string> {
  const out: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => out.push(String(chunk)) > 0);
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const audit = new Command("audit").exitOverride();
  registerAuditRun(audit);
  try {
    await audit.parseAsync(["run", ...flags], { from: "user" });
  } finally {
    for (const spy of [stdout, stderr]) spy.mockRestore();
  }
  return out.join("");
}

const keras = () => ["--model", at("model.json"), "--weights", at("model.safetensors")];
const tables = (members = "members.csv", others = "others.csv") => [
  ...["--members", at(members), "--non-members", at(others)],
  ...["--label", "sick"],
];

describe("[AUD27] audit run: a model from elsewhere", () => {
  test("one that learnt its records by heart is found out, drawn, and refused by a limit", async () => {
    const text = await run(...keras(), ...tables(), "--limit", "0.6", "--out", at("audit.html"));
    expect(text).toContain("Membership leaks");
    expect(process.exitCode).toBe(6);
    const page = readFileSync(at("audit.html"), "utf8");
    expect(page).toContain("Exact figures of the records named below");
    expect(page.match(/<svg/g)?.length).toBe(2);
    expect(page).not.toMatch(/<script|src=|href=/);
    expect(statSync(at("audit.html")).mode & 0o777).toBe(0o600);
    const report = JSON.parse(await run(...keras(), ...tables(), "--json"));
    expect(report.best.value).toBeGreaterThan(0.65);
    expect(report).toMatchObject({ counts: "exact", members: RECORDS, nonMembers: RECORDS, label: "not an ε bound" });
  });

  test("the same model on records that it never saw on either side: no leak is seen", async () => {
    writeTable("third.csv", someRecords(3));
    const report = JSON.parse(await run(...keras(), ...tables("third.csv"), "--json"));
    expect(report.verdict.kind).toBe("no-power");
    expect(process.exitCode).toBeUndefined();
  });

  test("a release is read through its own study's contract, missing values and categories too", async () => {
    for (const [path, bytes] of buildRelease(inputs, lead)) {
      mkdirSync(dirname(at(`release/${path}`)), { recursive: true });
      writeFileSync(at(`release/${path}`), bytes);
    }
    const rows = Array.from({ length: 30 }, (_, i) => `${30 + i},${i % 2},${(i >> 1) % 2}`);
    writeFileSync(at("trained.csv"), ["age,sex,disease", ...rows].join("\n"));
    writeFileSync(
      at("held.csv"),
      ["disease,age,sex", ...rows.map((row) => row.split(",").reverse())]
        .join("\n")
        .replaceAll(/^(\d),(\d),(\d+)$/gm, "$1,$3,$2"),
    );
    const report = JSON.parse(
      await run("--model", at("release"), "--members", at("trained.csv"), "--non-members", at("held.csv"), "--json"),
    );
    // The same records in another order of columns: nobody can be told apart.
    expect(report.best.value).toBeCloseTo(0.5, 9);
  });

  test("an ONNX file is run by ONNX Runtime, and audited as the same model in a release's folder is", async () => {
    const next = publicUniform(8);
    const own = { parameters: Float32Array.from(inputs.parameters, () => 6 * next() - 3), frozen: new Float32Array(0) };
    const spec = modelSpecOfStudy(inputs.document);
    mkdirSync(at("own/model"), { recursive: true });
    writeFileSync(at("own/study.json"), JSON.stringify(inputs.document));
    writeFileSync(at("own/model/model.safetensors"), modelFile(inputs.document, own, undefined));
    writeFileSync(
      at("own.onnx"),
      formatFiles(inputs.document, { ...own, spec, scales: undefined }).get(RELEASE_PATHS.onnx) ?? "",
    );
    // The release's contract knows a category by its value; its ONNX file takes a column for each.
    for (const name of ["in", "out"]) {
      const rows = Array.from({ length: 50 }, () => [
        20 + Math.round(70 * next()),
        next() < 0.5 ? 0 : 1,
        next() < 0.5 ? 0 : 1,
      ]);
      const line = ([age, sex, disease]: number[]) => `${age},${sex},${disease}`;
      const spread = ([age, sex, disease]: number[]) => `${age},${sex === 0 ? 1 : 0},${sex},${disease}`;
      writeFileSync(at(`${name}.csv`), ["age,sex,disease", ...rows.map(line)].join("\n"));
      writeFileSync(at(`${name}.onnx.csv`), ["age,man,woman,disease", ...rows.map(spread)].join("\n"));
    }
    const records = (kind: string) => [
      ...["--members", at(`in${kind}.csv`), "--non-members", at(`out${kind}.csv`)],
      ...["--label", "disease", "--json"],
    ];
    const folderReport = JSON.parse(await run("--model", at("own"), ...records("")));
    const onnxReport = JSON.parse(await run("--model", at("own.onnx"), ...records(".onnx")));
    expect(onnxReport.best.value).toBeCloseTo(folderReport.best.value, 9);
    expect(onnxReport.orderings).toHaveLength(folderReport.orderings.length);
    await expect(run("--model", at("own.onnx"), "--classes", "3", ...records(".onnx"))).rejects.toThrow(
      "no probabilities of 3",
    );
    await expect(run("--model", at("own.onnx"), ...tables())).rejects.toThrow("refuses records of 60 columns");
  });

  test.each<[string, () => string[], string]>([
    ["a file that isn't there", () => [...keras(), ...tables("nobody.csv")], "is not there"],
    [
      "another label",
      () => [...keras(), "--members", at("members.csv"), "--non-members", at("others.csv")],
      "61 columns beside label",
    ],
    ["a limit below a coin toss", () => [...keras(), ...tables(), "--limit", "0.4"], "no AUC that could be allowed"],
    ["no weights", () => ["--model", at("model.json"), ...tables()], "no weights are named"],
    ["what ends in .onnx and isn't", () => ["--model", at("broken.onnx"), ...tables()], "is no ONNX model"],
    ["an ONNX file that isn't there", () => ["--model", at("none.onnx"), ...tables()], "is not there"],
    ["a folder that is no release", () => ["--model", folder, ...tables()], "study.json is not there"],
    ["a page that is there", () => [...keras(), ...tables(), "--out", at("model.json")], "exists already"],
  ])("refuses %s, in words", async (_what, flags, words) => {
    await expect(run(...flags())).rejects.toThrow(words);
    await expect(run(...flags())).rejects.toBeInstanceOf(Failure);
  });

  test.each([
    ["a cell that is no number", "x0,sick\nred,1\n", "can't be used at line 2: Column x0: not a number"],
    ["a class that the model hasn't", "x0,sick\n1,7\n", "has a label at line 2"],
    ["lines of other lengths", "x0,sick\n1\n", "is no table"],
    ["no record", "x0,sick\n", "holds no record"],
  ])("tells the line of %s, never the value", async (_what, content, words) => {
    writeFileSync(
      at("bad.csv"),
      content
        .replaceAll("x0", Array.from({ length: WIDTH }, (_, i) => `x${i}`).join(","))
        .replace(/^(red|1),/m, `$1,${"0,".repeat(WIDTH - 1)}`),
    );
    await expect(run(...keras(), ...tables("members.csv", "bad.csv"))).rejects.toThrow(words);
  });
});
