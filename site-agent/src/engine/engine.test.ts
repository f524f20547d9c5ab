import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { AuditContribution, EvaluationContribution } from "@consilium/shared/audit/contribution";
import { countWeight, jointNorm } from "@consilium/shared/clipping/adaptiveNorm";
import { Clipping } from "@consilium/shared/clipping/clipping";
import { aggregateBits, coarseStep, gridOf, roundedSensitivity } from "@consilium/shared/contribution/grid";
import { packedBytes, packIntegers, unpackInto } from "@consilium/shared/contribution/pack";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { Optimizer } from "@consilium/shared/study/document";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm, Epsilon, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePrepared } from "../contract/preparedFile.ts";
import { PART_CODE, type PreparedPatients } from "../contract/preparedPatients.ts";
import type { EngineReply, EngineRequest } from "./message.ts";
import { type BuiltProgram, buildEngineProgram } from "./program.test-support.ts";
import { EngineSettings } from "./settings.ts";
import { EngineProcess } from "./supervise.ts";

const FEATURES = 21;
const PATIENTS = 300;
const spec = modelSpecOf({ preset: "logistic" }, FEATURES, 2);
const grid = gridOf(parameterCount(spec), 1, 2.2, 40);
const study = StudyName.parse("heart");
const samplingRate = SamplingRate.parse(0.2);
const key = (round: number, purpose: RoundKey["purpose"] = "train") =>
  RoundKey.parse({ study, purpose, round, attempt: 1 });

let folder: string;
let engine: EngineProcess;
const at = (name: string) => path.join(folder, name);
function somePatients(): PreparedPatients {
  const next = publicUniform(1);
  const labels = Int32Array.from({ length: PATIENTS }, (_, i) => i % 2);
  return {
    featureCount: FEATURES,
    features: Float32Array.from({ length: PATIENTS * FEATURES }, (_, i) => {
      const label = labels[Math.floor(i / FEATURES)] ?? 0;
      return Math.max(-1, Math.min(1, next() * 2 - 1 + 0.3 * (label - 0.5)));
    }),
    labels,
    recordStart: Int32Array.from({ length: PATIENTS + 1 }, (_, i) => i),
    parts: Uint8Array.from({ length: PATIENTS }, (_, i) =>
      i < 200 ? PART_CODE.train : i < 250 ? PART_CODE.validation : PART_CODE.audit,
    ),
  };
}

const open = (patients: Extract<EngineRequest, { type: "open" }>["patients"]): EngineRequest => ({
  type: "open",
  study,
  spec,
  grid,
  clipping: { mode: "flat" },
  clippingNorm: ClippingNorm.parse(grid.patientNorm),
  samplingRate,
  expectedBatch: 4,
  classes: 2,
  patients,
});

async function done(request: EngineRequest): Promise<void> {
  expect((await engine.request(request)).type).toBe(request.type === "open" ? "opened" : "done");
}

async function loadModel(parameters: Float32Array): Promise<void> {
  await writeFile(at("model"), modelBytes(parameters));
  await done({ type: "load-model", study, path: at("model"), digest: modelDigest(parameters) });
}

function written(reply: EngineReply): Extract<EngineReply, { type: "written" }> {
  if (reply.type !== "written") throw new Error(`expected a contribution, got ${JSON.stringify(reply)}`);
  return reply;
}

function code(reply: EngineReply): string {
  return reply.type === "failed" ? reply.refusal.code : reply.type;
}

const quiet = jsonLinesLogger("test", () => undefined);
let program: BuiltProgram;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "consilium-engine-"));
  program = await buildEngineProgram();
  engine = new EngineProcess({ program: program.main, logger: quiet });
  writePrepared(at("patients"), somePatients());
}, 60_000);

afterAll(async () => {
  await engine.stop();
  await rm(folder, { recursive: true });
  await program.remove();
});

describe("[ENG10] the engine is a process of its own: file names, digests and events come back", () => {
  test("says what it computes with, and why not with something faster", async () => {
    const status = await engine.request({ type: "status" });
    expect(status).toMatchObject({ type: "status", threads: expect.any(Number) });
    if (status.type === "status" && status.backend === "wasm") {
      expect(status.notUsed).toEqual(["tensorflow-gpu: not installed", "tensorflow: not installed"]);
    }
  });

  test("[ENG35] a small study is computed on WebAssembly, whatever else is installed; the status says why", async () => {
    const opened = await engine.request(open({ source: "prepared", path: at("patients") }));
    expect(opened).toMatchObject({ type: "opened", study, engine: "wasm" });
    const status = await engine.request({ type: "status" });
    expect(status).toMatchObject({ studies: [{ study, engine: "wasm", why: expect.any(String) }] });
  });

  test("[ENG35] a site that asks for a native engine and has none opens no study, and says so", async () => {
    const settings = EngineSettings.parse({ backend: "native" });
    const other = new EngineProcess({ program: program.main, logger: quiet, engines: "none", settings });
    try {
      expect(code(await other.request(open({ source: "prepared", path: at("patients") })))).toBe("engine/no-native");
    } finally {
      await other.stop();
    }
  });

  test("a step writes one contribution of the fixed size, whole, readable by its owner alone", async () => {
    await done(open({ source: "prepared", path: at("patients") }));
    await loadModel(initialParameters(spec, 0));
    await done({ type: "prepare-noise", key: key(1) });
    const reply = written(await engine.request({ type: "step", key: key(1), path: at("1") }));
    const bytes = await readFile(at("1"));
    expect(reply).toMatchObject({ digest: digestOf(bytes), bytes: packedBytes(grid.dimension, grid.bits) });
    expect(bytes.length).toBe(reply.bytes);
    expect((await stat(at("1"))).mode & 0o777).toBe(0o600);
    expect(reply.events).toMatchObject([
      { kind: "poisson-gaussian", samplingRate: 0.2, noiseMultiplier: 2.2, count: 1 },
    ]);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    unpackInto(new Int32Array(grid.dimension), grid.bits, bytes);
  });

  test("without prepared noise, or after it was abandoned, a step makes its own", async () => {
    await done({ type: "prepare-noise", key: key(2) });
    await done({ type: "abandon", key: key(2) });
    const first = written(await engine.request({ type: "step", key: key(2), path: at("2") }));
    const second = written(await engine.request({ type: "step", key: key(3), path: at("3") }));
    expect(first.digest).not.toBe(second.digest);
    expect(second.bytes).toBe(first.bytes);
  });

  test("contributions carry the gradient, and noise of the stated size", async () => {
    const sums = new Float64Array(grid.dimension);
    const squares = new Float64Array(grid.dimension);
    const steps = 40;
    for (let i = 0; i < steps; i++) {
      await engine.request({ type: "prepare-noise", key: key(100 + i) });
      written(await engine.request({ type: "step", key: key(100 + i), path: at("many") }));
      const values = new Int32Array(grid.dimension);
      unpackInto(values, grid.bits, await readFile(at("many")));
      for (const [j, value] of values.entries()) {
        sums[j] = (sums[j] ?? 0) + value / steps;
        squares[j] = (squares[j] ?? 0) + value ** 2 / steps;
      }
    }
    const unit = (grid.noiseMultiplier * roundedSensitivity(grid)) / coarseStep(grid);
    const variances = squares.map((square, j) => square - (sums[j] ?? 0) ** 2);
    const variance = variances.reduce((a, b) => a + b, 0) / grid.dimension;
    // 880 draws: 6 standard errors are 29 %; sampling adds a little.
    expect(variance / unit ** 2).toBeGreaterThan(0.71);
    expect(variance / unit ** 2).toBeLessThan(1.5);
    // At the zero model each kernel coordinate's gradient is −½ Σ ±x: all point one way here, far above the noise.
    const mean = sums.subarray(0, FEATURES).reduce((a, b) => a + b, 0) / FEATURES;
    expect(mean).toBeLessThan((-6 * unit) / Math.sqrt(FEATURES * steps));
  });
});

describe("[CLP4] a step of adaptive clipping", () => {
  test("clips to the norm of its own round, and counts against it", async () => {
    const clipping = Clipping.parse({ mode: "adaptive" });
    if (clipping.mode !== "adaptive") throw new Error("not adaptive");
    // Hardly any noise, so that one step shows the sum.
    const counting = gridOf(parameterCount(spec) + 1, jointNorm(clipping, 1), 0.01, 200);
    const whole = {
      grid: counting,
      clipping,
      clippingNorm: ClippingNorm.parse(1),
      samplingRate: SamplingRate.parse(1),
    };
    const request = open({ source: "prepared", path: at("patients") });
    if (request.type !== "open") throw new Error("not opened");
    await done({ ...request, ...whole });
    await loadModel(initialParameters(spec, 0));
    const counts = [];
    for (const [round, roundNorm] of [1 / 1024, 1024].entries()) {
      const step = { type: "step", key: key(700 + round), path: at("adaptive") } as const;
      written(await engine.request({ ...step, roundNorm: ClippingNorm.parse(roundNorm) }));
      const values = new Int32Array(counting.dimension);
      unpackInto(values, counting.bits, await readFile(at("adaptive")));
      counts.push(((values.at(-1) ?? 0) * coarseStep(counting)) / countWeight(clipping));
    }
    // 200 training patients: all above the small norm, all below the large one, each counted as a half.
    expect(counts[0]).toBeCloseTo(-100, 0);
    expect(counts[1]).toBeCloseTo(100, 0);
    await done(open({ source: "prepared", path: at("patients") }));
  });
});

describe("[ENG25] a round of local steps, as it crosses to the agent", () => {
  const local = { steps: 9, learningRate: 1, proximal: 0, expectedBatch: 40 };

  test("bears the noise of all its steps, is charged for them, and follows the model between them", async () => {
    await loadModel(initialParameters(spec, 0));
    const rounds = 30;
    const sums = new Float64Array(grid.dimension);
    const squares = new Float64Array(grid.dimension);
    for (let i = 0; i < rounds; i++) {
      const reply = written(await engine.request({ type: "step", key: key(200 + i), path: at("local"), local }));
      expect(reply).toMatchObject({ bytes: packedBytes(grid.dimension, grid.bits), events: [{ count: 9 }] });
      const values = new Int32Array(grid.dimension);
      unpackInto(values, grid.bits, await readFile(at("local")));
      for (const [j, value] of values.entries()) {
        sums[j] = (sums[j] ?? 0) + value / rounds;
        squares[j] = (squares[j] ?? 0) + value ** 2 / rounds;
      }
    }
    const unit = (grid.noiseMultiplier * roundedSensitivity(grid)) / coarseStep(grid);
    const variances = squares.map((square, j) => square - (sums[j] ?? 0) ** 2);
    const ratio = variances.reduce((a, b) => a + b, 0) / grid.dimension / (9 * unit ** 2);
    // 660 draws: 6 standard errors are 33 %. Sampling adds a little; what the model followed takes some of it back.
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(1.5);
    // Nine steps all the same way would carry nine gradients of the zero model; some are used up on the way.
    const mean = sums.subarray(0, FEATURES).reduce((a, b) => a + b, 0) / FEATURES;
    expect(mean).toBeLessThan((-6 * 3 * unit) / Math.sqrt(FEATURES * rounds));
  }, 60_000);
});

describe("[ENG11] a model advances by replaying the public update, or not at all", () => {
  const sites = ["zurich", "basel"].map((name) => SiteName.parse(name));
  const bits = aggregateBits(grid.bits, sites.length);
  const momentum = Optimizer.parse({ name: "sgd", learningRate: 0.5, momentum: 0.9 });

  async function advance(from: Float32Array, to: Float32Array, step: number, aggregate: Int32Array) {
    const packed = packIntegers(aggregate, bits);
    await writeFile(at("aggregate"), packed);
    return engine.request({
      type: "advance-model",
      study,
      update: {
        from: modelDigest(from),
        step,
        contributors: sites,
        aggregate: { digest: digestOf(packed), bytes: packed.length },
      },
      path: at("aggregate"),
      stretches: [{ values: grid.dimension, divisor: 40 }],
      summands: sites.length,
      optimizer: momentum,
      to: modelDigest(to),
    });
  }

  test("two momentum steps; a wrong outcome changes nothing; a gap is refused by name", async () => {
    const models = [initialParameters(spec, 0)];
    let state = initialState(momentum, grid.dimension);
    const aggregates = [3, 5, 7].map((factor) =>
      Int32Array.from({ length: grid.dimension }, (_, i) => factor * (i - 9)),
    );
    for (const aggregate of aggregates) {
      const next = (models.at(-1) ?? new Float32Array(0)).slice();
      state = applyUpdate(momentum, state, next, aggregate, coarseStep(grid), 40);
      models.push(next);
    }
    const [zero, one, two, three] = models;
    const [first, second, third] = aggregates;
    if (!zero || !one || !two || !three || !first || !second || !third) throw new Error("three steps");
    await loadModel(zero);
    expect(code(await advance(zero, two, 0, first))).toBe("engine/replay-differs");
    expect(code(await advance(zero, one, 0, first))).toBe("done");
    expect(code(await advance(zero, one, 0, first))).toBe("engine/model-behind");
    expect(code(await advance(one, three, 1, second))).toBe("engine/replay-differs");
    expect(code(await advance(one, two, 1, second))).toBe("done");
    await loadModel(two);
    expect(code(await advance(two, three, 2, third))).toBe("engine/optimizer-behind");
    expect(code(await advance(two, three, 2, third.subarray(1)))).toBe("engine/aggregate-differs");
  });

  test("another model than the one named is refused", async () => {
    await writeFile(at("model"), modelBytes(new Float32Array(grid.dimension).fill(1)));
    const digest = modelDigest(new Float32Array(grid.dimension));
    expect(code(await engine.request({ type: "load-model", study, path: at("model"), digest }))).toBe(
      "engine/model-differs",
    );
  });
});

describe("[ENG12] scores leave as noised histograms, each patient of the part counted once", () => {
  const epsilon = Epsilon.parse(1000);

  test("an evaluation counts the validation part; its event is the study's charge", async () => {
    await loadModel(Float32Array.from({ length: grid.dimension }, () => 1));
    const what = { purpose: "evaluate" as const, epsilon, bins: 20 };
    const reply = written(await engine.request({ type: "score", key: key(5, "evaluate"), path: at("e"), what }));
    const text = await readFile(at("e"), "utf8");
    const { histogram } = EvaluationContribution.parse(JSON.parse(text));
    expect(text).toBe(canonicalJson(JSON.parse(text)));
    expect(histogram.counts.reduce((a, b) => a + b, 0)).toBe(50);
    expect(reply.events).toEqual([
      { kind: "discrete-laplace", adjacency: "add-remove", sensitivity: 1, scale: histogram.scale, count: 1 },
    ]);
  });

  test("an audit counts training patients as members and the audit part as non-members", async () => {
    const what = {
      purpose: "audit" as const,
      attacks: [
        { attack: "loss" as const, shape: { classes: 1, bins: 10 } },
        { attack: "modified-entropy" as const, shape: { classes: 2, bins: 10 } },
        { attack: "correctness" as const, shape: { classes: 2, bins: 2 } },
      ],
      epsilon: { members: epsilon, nonMembers: Epsilon.parse(500) },
    };
    const reply = written(await engine.request({ type: "score", key: key(6, "audit"), path: at("a"), what }));
    const { attacks } = AuditContribution.parse(JSON.parse(await readFile(at("a"), "utf8")));
    expect(attacks.map(({ attack }) => attack)).toEqual(["loss", "modified-entropy", "correctness"]);
    expect(attacks.map(({ members }) => members.counts.length)).toEqual([10, 20, 4]);
    for (const { members, nonMembers } of attacks) {
      expect(members.counts.reduce((a, b) => a + b, 0)).toBe(200);
      expect(nonMembers.counts.reduce((a, b) => a + b, 0)).toBe(50);
    }
    expect(reply.events).toMatchObject([
      { scale: attacks[0]?.members.scale, count: 3 },
      { scale: attacks[0]?.nonMembers.scale, count: 3 },
    ]);
  });
});

describe("[ENG13] a failed request says nothing of records; a process that ended is started anew, empty", () => {
  test("an unknown study, a damaged file, a model that doesn't fit", async () => {
    const other = { ...key(1), study: StudyName.parse("other") };
    expect(code(await engine.request({ type: "step", key: other, path: at("x") }))).toBe("engine/not-open");
    await writeFile(at("damaged"), (await readFile(at("patients"))).fill(7, 100, 120));
    expect((await engine.request(open({ source: "prepared", path: at("damaged") }))).type).toBe("failed");
    const narrow = modelSpecOf({ preset: "logistic" }, 5, 2);
    const request = open({ source: "prepared", path: at("patients") });
    expect(code(await engine.request({ ...request, spec: narrow } as EngineRequest))).toBe("engine/unfit");
  });

  test("a hung or killed process ends every waiting request alike", async () => {
    await writeFile(
      at("silent.mjs"),
      "process.on('message', () => {}); process.on('disconnect', () => process.exit());",
    );
    const silent = new EngineProcess({ program: new URL(`file://${at("silent.mjs")}`), timeoutMs: 200, logger: quiet });
    const replies = await Promise.all([silent.request({ type: "status" }), silent.request({ type: "status" })]);
    expect(replies.map(code)).toEqual(["engine/ended", "engine/ended"]);
    await silent.stop();
    expect(code(await silent.request({ type: "status" }))).toBe("engine/ended");
  });

  test("random sums: the bench's stand-in noises, packs and is charged like the real thing", async () => {
    await done(open({ source: "random-sums", seed: 4 }));
    const first = written(await engine.request({ type: "step", key: key(7), path: at("r1") }));
    const second = written(await engine.request({ type: "step", key: key(8), path: at("r2") }));
    expect(first.bytes).toBe(packedBytes(grid.dimension, grid.bits));
    expect(first.digest).not.toBe(second.digest);
    expect(first.events).toEqual(second.events);
    await done({ type: "close", study });
    expect(code(await engine.request({ type: "step", key: key(9), path: at("r3") }))).toBe("engine/not-open");
  });
});
