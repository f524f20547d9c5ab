import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { requireDpSgd } from "../plan/variant.ts";
import { studyDigest } from "./digest.ts";
import { StudyDocument } from "./document.ts";
import { STUDY_HINTS, StudyFile } from "./file.ts";
import { plannedEpsilons } from "./noise.ts";
import { InvalidStudy, type ResolvedStudy, resolveStudy } from "./resolve.ts";
import { formatFinding } from "./yamlSource.ts";

const HEART = new URL("../../studies/heart/", import.meta.url);
const ANSWER_HINT = "Typical: 250ms for a small model, 10s for a large one.";
const OUTSIDE =
  "it leads out of the study file's folder. Put the file beside the study file or below it, and name it by a relative path.";
const heart = readFileSync(new URL("study.yaml", HEART), "utf8");
const readReference = (path: string): string => readFileSync(new URL(path, HEART), "utf8");

function resolve(text: string, reference = readReference): ResolvedStudy {
  return resolveStudy({ file: "study.yaml", text, readReference: reference });
}

/** What is said of a text that can't become a study, line by line. */
function faults(text: string, reference = readReference): readonly string[] {
  try {
    resolve(text, reference);
  } catch (error) {
    if (error instanceof InvalidStudy) return error.findings.map(formatFinding);
    throw error;
  }
  throw new Error("expected faults");
}

const PROMISE = "sanitized: { promise: record, epsilon: 20 }";

/** The heart study on sanitized records, with these keys of its privacy. */
function onSanitized(keys: string): string {
  return heart
    .replace("mechanism: dp-sgd", "mechanism: sanitized")
    .replace(/ {2}noiseMultiplier: .*\n/, keys === "" ? "" : `  ${keys}\n`);
}

function warnings(text: string): readonly string[] {
  return resolve(text).warnings.map(formatFinding);
}

/** `line:column` of the first place where a text stands. */
function at(text: string, part: string): string {
  const lines = text.slice(0, text.indexOf(part)).split("\n");
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

describe("[STU21] a study file resolves to one signed document", () => {
  test("the heart study: schema read in, durations in ms, all defaults written out", () => {
    const { document, digest, noiseWasAuto } = resolve(heart);
    expect(document.data.columns.map((column) => column.name)).toEqual(
      "age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal".split(" "),
    );
    expect(document.data.label).toEqual({ name: "label", values: [0, 1] });
    expect(document.training).toMatchObject({ answerAfterMs: 250, deadlineMs: 20_000, localSteps: 1 });
    expect(document.evaluation.everyRounds).toBe(20);
    expect(noiseWasAuto).toBe(false);
    expect(digest).toBe(studyDigest(document));
    // What a site receives and parses again is the same document, so it signs the same digest.
    expect(studyDigest(StudyDocument.parse(JSON.parse(JSON.stringify(document))))).toBe(digest);
  });

  test("comments, order and spelling of the file don't change the digest, a value does", () => {
    const reordered = JSON.stringify(
      Object.fromEntries(Object.entries(z.record(z.string(), z.unknown()).parse(parse(heart))).reverse()),
    );
    expect(resolve(reordered).digest).toBe(resolve(heart).digest);
    expect(resolve(heart.replace("rounds: 60", "rounds: 59")).digest).not.toBe(resolve(heart).digest);
  });

  test("columns may stand in the file itself, and the label may bring its own values", () => {
    const columns = JSON.stringify(parse(readReference("schema.yaml")).columns);
    expect(resolve(heart.replace("schema: ./schema.yaml", `columns: ${columns}`)).digest).toBe(resolve(heart).digest);
    const named = heart.replace("label: label", "label: { name: label, values: [0, 1] }");
    expect(resolve(named).digest).toBe(resolve(heart).digest);
  });

  test("a byte order mark and CRLF are read", () => {
    expect(resolve(`\uFEFF${heart.replaceAll("\n", "\r\n")}`).digest).toBe(resolve(heart).digest);
  });
});

describe("[STU22] σ: auto is the least with which every part stays within epsilon; a fixed one must do so too", () => {
  const auto = heart.replace("noiseMultiplier: 2.2", "noiseMultiplier: auto");

  test("auto", () => {
    const { document, noiseWasAuto } = resolve(auto);
    expect(noiseWasAuto).toBe(true);
    expect(plannedEpsilons(document).train).toBeLessThanOrEqual(4);
    const { noiseMultiplier } = requireDpSgd(document).privacy;
    const less = StudyDocument.parse({
      ...document,
      privacy: { ...document.privacy, noiseMultiplier: noiseMultiplier - 2e-4 },
    });
    expect(plannedEpsilons(less).train).toBeGreaterThan(4);
  });

  test("auto charges each local step", () => {
    const local = "localSteps: 4\n  local: { learningRate: 0.1 }";
    const rounds = resolve(auto.replace("rounds: 60", `rounds: 15\n  ${local}`)).document;
    expect(rounds.training).toMatchObject({ localSteps: 4, local: { learningRate: 0.1, proximal: 0 } });
    const once = resolve(auto.replace("evaluation: { every: 20 rounds", "evaluation: { every: 80 rounds")).document;
    expect(requireDpSgd(rounds).privacy.noiseMultiplier).toBe(requireDpSgd(once).privacy.noiseMultiplier);
  });

  test("a fixed σ that is too small is refused with the least one", () => {
    const [fault] = faults(heart.replace("noiseMultiplier: 2.2", "noiseMultiplier: 1.5"));
    expect(fault).toMatch(
      /^study\.yaml:15:20 privacy\.noiseMultiplier: each site's training patients would pay ε = \d/,
    );
    expect(fault).toContain(`Use σ ≥ ${requireDpSgd(resolve(auto).document).privacy.noiseMultiplier} or auto`);
  });

  test("evaluations, hold-out histograms or member histograms that alone pass ε", () => {
    expect(faults(heart.replace("epsilon: 1.2", "epsilon: 1.6"))[0]).toContain(
      "evaluation.epsilon: 3 histograms would cost the validation",
    );
    expect(faults(heart.replace("nonMembers: 1 ", "nonMembers: 2 "))[0]).toContain(
      "audit.epsilon.nonMembers: 3 histograms",
    );
    expect(faults(auto.replace("members: 0.3", "members: 4"))[0]).toContain(
      "privacy.epsilon: No noise makes 60 steps fit",
    );
  });

  test("an ε beyond what the sampler's distance allows is refused in words, not by a broken invariant", () => {
    const loud = heart
      .replace("epsilon: 4 #", "epsilon: 2000 #")
      .replace("noiseMultiplier: 2.2", "noiseMultiplier: 0.3");
    expect(faults(loud)[0]).toContain("privacy.epsilon: No noise is proven for ε = 2000");
  });

  test.each(["auto", "0.01"])("a δ that protects nobody is refused as such, not as a fault of ε: σ %s", (sigma) => {
    const text = heart
      .replace("delta: 1e-4", "delta: 0.5")
      .replace("noiseMultiplier: 2.2", `noiseMultiplier: ${sigma}`);
    expect(faults(text)).toEqual([
      `study.yaml:${at(text, "0.5\n")} privacy.delta: δ = 0.5 lets any one patient go unprotected so often that no noise is ` +
        "little enough for it. Use less than 1/86, one over the smallest site's patients. Typical: 1e-5; below 1 / " +
        "patients of the smallest site.",
    ]);
  });
});

describe("[STU23] every fault is told at once, with its place, what is wrong and what to do", () => {
  test.each([
    ["epsilon: 4 #", "epsilon: -3 #", "-3 #", "privacy.epsilon: must be > 0 (got -3). Typical: 1..8."],
    ["epsilon: 4 #", "epsilon: .nan #", ".nan", "privacy.epsilon: must be a number (got NaN). Typical: 1..8."],
    ["epsilon: 4 #", "epsilon: four #", "four", 'privacy.epsilon: must be a number (got "four"). Typical: 1..8.'],
    ["epsilon: 4 #", "epsilon: #", "#", null],
    [
      "clippingNorm: 1",
      "clipingNorm: 1",
      "clipingNorm",
      "privacy.clipingNorm: is not a key known here. Did you mean 'clippingNorm'?",
    ],
    [
      "momentum: 0.9",
      "momentun: 0.9",
      "momentun",
      "training.optimizer.momentun: is not a key known here. Did you mean 'momentum'?",
    ],
    [
      "momentum: 0.9",
      "beta1: 0.9",
      "beta1",
      "training.optimizer.beta1: is not a key known here. Known here: name, learningRate, schedule, momentum.",
    ],
    [
      "preset: logistic",
      "preset: logistik",
      "logistik",
      [
        "model.preset: must be one of logistic, mlp, deeptype, cnn, cnn-series, acgan, acgan-discriminator, resnet18, resnet20,",
        "squeezenet, keras (got \"logistik\"). Did you mean 'logistic'?",
      ].join(" "),
    ],
    ["unit: patient", "unit: record", "record\n", 'privacy.unit: must be patient (got "record").'],
    [
      "noiseMultiplier: 2.2",
      "noiseMultiplier: a",
      "a #",
      'privacy.noiseMultiplier: must be auto or a number (got "a"). Typical: auto, or 0.5..4.',
    ],
    [
      "answerAfter: 250ms",
      "answerAfter: 250",
      "250\n",
      "training.answerAfter: must be text (got 250). Typical: 250ms for a small model, 10s for a large one.",
    ],
    [
      "answerAfter: 250ms",
      "answerAfter: 2 secs",
      "2 secs",
      `training.answerAfter: must be a duration with its unit: 250ms, 2s, 10min, 1h (got "2 secs"). ${ANSWER_HINT}`,
    ],
    [
      "every: 20 rounds",
      "every: often",
      "often",
      `evaluation.every: must be a number of rounds: 10 rounds (got "often"). ${STUDY_HINTS["evaluation.every"]}`,
    ],
    ["rounds: 60", "rounds: 1.5", "1.5", "training.rounds: must be a whole number (got 1.5). Typical: 50..5000."],
    [
      "attacks: [loss, confidence, modified-entropy]",
      "attacks: [loss, entropi]",
      "entropi",
      "audit.attacks[1]: must be one of loss, confidence, modified-entropy, entropy, correctness, relative-membership, " +
        "likelihood-ratio, closest-record, class-threshold, learned (got \"entropi\"). Did you mean 'entropy'?",
    ],
    [
      "attacks: [loss, confidence, modified-entropy]",
      "attacks: [loss, loss]",
      "[loss, loss]",
      "audit.attacks: names an attack twice, which would charge it twice.",
    ],
    ["minSites: 3", "minSites: 5", "5\n", "training.minSites: must be ≤ 4, the number of sites (got 5)."],
    [
      "deadline: 20s",
      "deadline: 250ms",
      "250ms #",
      "training.deadline: must come after the time at which sites answer.",
    ],
    [
      "name: hungarian",
      "name: cleveland",
      "cleveland, patients: 206",
      "sites[1].name: site cleveland is listed twice.",
    ],
    ["label: label", "label: lable", "lable", "data.label: the schema has no column 'lable'. Did you mean 'label'?"],
    [
      "label: label",
      "label: age",
      "age",
      "data.label: column 'age' is no category. A label is a category column with its values.",
    ],
    ["split: split", "split: age", "age", "data.split: 'age' is already column 1."],
    [
      "trust: local",
      "trust: distributed",
      "distributed",
      "privacy.trust: distributed is not in this version. Use trust: local.",
    ],
    [
      "[safetensors]",
      "[safetensors, onnx]",
      "onnx",
      "release.formats[1]: onnx is not in this version. Use formats: [safetensors].",
    ],
    [
      "mechanism: dp-sgd",
      "mechanism: dct-laplace",
      "dct-laplace",
      'privacy.mechanism: must be one of dp-sgd, sanitized (got "dct-laplace").',
    ],
    [
      "./schema.yaml",
      "../other/schema.yaml",
      "../other",
      `data.schema: "../other/schema.yaml" can't be read: ${OUTSIDE}`,
    ],
    ["./schema.yaml", "/etc/passwd", "/etc", `data.schema: "/etc/passwd" can't be read: ${OUTSIDE}`],
    [
      "schema: ./schema.yaml, ",
      "",
      "{ label:",
      "data: names no columns. Give either schema: ./schema.yaml or columns.",
    ],
  ])("%s → %s", (from, to, place, message) => {
    const text = heart.replace(from, to);
    expect(text).not.toBe(heart);
    const found = faults(text);
    if (message === null) expect(found[0]).toContain("privacy.epsilon: must be a number (got nothing)");
    else expect(found).toEqual([`study.yaml:${at(text, place)} ${message}`]);
  });

  test.each([
    ["sanitized records without a promise", "", "privacy.sanitized: is missing."],
    ["noise on their steps", `${PROMISE}\n  noiseMultiplier: 2`, "privacy.noiseMultiplier: is for mechanism: dp-sgd."],
    ["a norm that follows a count", `${PROMISE}\n  clipping: { mode: adaptive }`, "privacy.clipping: adaptive follows"],
    ["no such promise", "sanitized: { promise: none }", "privacy.sanitized.promise: "],
    ["a promise of nothing", "sanitized: { promise: record, epsilon: 0 }", "privacy.sanitized.epsilon: "],
  ])("a study on sanitized records: %s", (_, keys, message) => {
    expect(faults(onSanitized(keys)).join("\n")).toContain(message);
  });

  test("a study on sanitized records costs its metrics and its audit, and its own ε bounds those", () => {
    const { document, noiseWasAuto } = resolve(onSanitized(PROMISE));
    expect(document.privacy).toMatchObject({
      mechanism: "sanitized",
      sanitized: { epsilon: 20, labels: "randomised" },
    });
    expect(noiseWasAuto).toBe(false);
    // Three attacks' histograms of members at 0.3 each.
    expect(plannedEpsilons(document).train).toBeLessThanOrEqual(0.9);
    const dear = faults(onSanitized(PROMISE).replace("members: 0.3", "members: 3"));
    expect(dear.join("\n")).toMatch(/audit\.epsilon\.members: 3 histograms would cost the train patients ε = \d/);
    expect(() => resolve(heart.replace("clippingNorm: 1", `clippingNorm: 1\n  ${PROMISE}`))).toThrow(
      /privacy\.sanitized: is for mechanism: sanitized/,
    );
    expect(() => resolve(onSanitized(PROMISE).replace(", split: split", ""))).toThrow(
      /data: needs a patient key or a split/,
    );
    expect(() => resolve(heart.replace(/ {2}noiseMultiplier: .*\n/, ""))).toThrow(
      /privacy\.noiseMultiplier: is missing/,
    );
  });

  test("several faults in the order of the text", () => {
    const text = heart
      .replace("epsilon: 4 #", "epsilon: 0 #")
      .replace("rounds: 60", "round: 60")
      .replace(/ bins: \d+\n/, " bins: 1\n");
    expect(faults(text).map((fault) => fault.split(" ")[1])).toEqual([
      "privacy.epsilon:",
      "training.round:",
      "audit.bins:",
    ]);
  });

  test("faults of the schema file stand at its own lines", () => {
    const broken = (path: string): string =>
      readReference(path)
        .replace("min: 60, max: 200", "min: 200, max: 60")
        .replace("sex, type: category", "sex, type: catgory");
    expect(faults(heart, broken)).toEqual([
      "schema.yaml:7:24 columns[1].type: must be one of number, category, array (got \"catgory\"). Did you mean 'category'?",
      "schema.yaml:16:68 columns[7].max: must be > min, 200 (got 60).",
    ]);
    const doubled = (path: string): string => readReference(path).replace("name: thalach", "name: age");
    expect(faults(heart, doubled)[0]).toMatch(/^schema\.yaml:16:\d+ columns\[7\]\.name: 'age' is already column 1\.$/);
    const filled = (path: string): string => readReference(path).replace("fill: 150", "fill: 900");
    expect(faults(heart, filled)[0]).toContain(
      "columns[7].missing.fill: must be a number in the column's range 60..200 (got 900)",
    );
  });

  test.each([
    ["an empty file", "", "must be a group of keys (got nothing)"],
    ["a list", "- a", "must be a group of keys (got a list)"],
    ["broken YAML", "name: [a", "is not YAML"],
    ["a tab as indentation", "data:\n\tlabel: x", "is not YAML"],
    ["a repeated key", "name: a\nname: b", "is not YAML: map keys must be unique"],
    ["binary", "\u0000\u0001\u0002", ""],
    [
      "a bomb of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(99)}*a]\nc: [${"*b,".repeat(99)}*b]`,
      "expands to too much",
    ],
  ])("%s", (_, text, said) => {
    const [fault] = faults(text);
    expect(fault).toMatch(/^study\.yaml:\d+:\d+ /);
    expect(fault).toContain(said);
  });
});

describe("[STU24] unwise figures are warnings", () => {
  test("δ ≥ 1/n, ε above 10, never evaluated", () => {
    expect(warnings(heart)).toEqual([]);
    expect(warnings(heart.replace("delta: 1e-4", "delta: 0.02"))[0]).toContain(
      "privacy.delta: δ = 0.02 is ≥ 1/n for the smallest site's 86",
    );
    expect(warnings(heart.replace("epsilon: 4 #", "epsilon: 12 #"))[0]).toContain(
      "privacy.epsilon: ε = 12 is above 10",
    );
    expect(warnings(heart.replace("20 rounds", "90 rounds"))[0]).toContain("evaluation.every: is more than all rounds");
    const stop = "  earlyStop: { metric: auc, patience: 3 }\n  initialSeed: 7";
    expect(warnings(heart.replace("  initialSeed: 7", stop))[0]).toContain("it takes 4 evaluations, and there are 3");
    const warmUp = "momentum: 0.9, schedule: { name: constant, warmUpRounds: 60 } }";
    expect(warnings(heart.replace("momentum: 0.9 }", warmUp))[0]).toContain("warms up for 60 rounds of 60");
  });

  test.each([
    ["name: linear, rounds: 60", undefined],
    ["name: linear, rounds: 61, endFraction: 0.1", "falls until round 61, and training ends after 60"],
    ["name: cosine, rounds: 55, warmUpRounds: 6", "falls until round 61, and training ends after 60"],
    ["name: cosine, rounds: 240", "the rate ends at 86 % of learningRate, not at 0 %"],
    ["name: step, everyRounds: 59, factor: 0.1", undefined],
    ["name: step, everyRounds: 60, factor: 0.1", "never drops: its first drop comes after 60 rounds, and there are 60"],
    ["name: inverse-sqrt, rounds: 1000", undefined],
  ])("a schedule that is longer than the study: %s", (schedule, expected) => {
    const found = warnings(heart.replace("momentum: 0.9 }", `momentum: 0.9, schedule: { ${schedule} } }`));
    expect(found).toEqual(expected === undefined ? [] : [expect.stringContaining(expected)]);
  });

  test("rounds of one site alone, but in a study of one site", () => {
    const lonely = heart.replace("minSites: 3", "minSites: 1");
    expect(warnings(lonely)).toEqual([expect.stringContaining("training.minSites: a round may be one site's alone")]);
    expect(warnings(lonely.replace(/sites:\n( {2}- .*\n)(.*\n)*/, "sites:\n$1"))).toEqual([]);
  });
});

describe("[STU25] the file's schema serves editors", () => {
  test("as JSON Schema, with descriptions and no unknown keys", () => {
    const schema = z.toJSONSchema(StudyFile, { io: "input" });
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(expect.arrayContaining(["name", "data", "privacy", "sites"]));
    expect(JSON.stringify(schema)).toContain("the least σ with which the whole study stays within epsilon");
  });
});

test.each(["heart", "deeptype-metabric"])(
  "[STU26] the study %s that comes with the project is valid, without a warning",
  (name) => {
    const folder = new URL(`../../studies/${name}/`, import.meta.url);
    const resolved = resolveStudy({
      file: "study.yaml",
      text: readFileSync(new URL("study.yaml", folder), "utf8"),
      readReference: (path) => readFileSync(new URL(path, folder), "utf8"),
    });
    expect(resolved.warnings).toEqual([]);
  },
);
