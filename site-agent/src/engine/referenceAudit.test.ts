import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { epsilonOf } from "@consilium/shared/accountant/convert";
import { curveOf } from "@consilium/shared/accountant/rdp";
import { AuditContribution } from "@consilium/shared/audit/contribution";
import { auditReportOf } from "@consilium/shared/audit/evaluate";
import { populationSlots } from "@consilium/shared/audit/population";
import { coarseStep, gridOf } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { ModelChoice } from "@consilium/shared/model/choice";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import type { AttackName } from "@consilium/shared/study/audit";
import { DataContract } from "@consilium/shared/study/contract";
import { Optimizer } from "@consilium/shared/study/document";
import { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm, Epsilon, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePrepared } from "../contract/preparedFile.ts";
import { PART_CODE, type PartName, type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import { NoiseStore } from "../noise/noiseStore.ts";
import { Engine } from "./engine.ts";
import { EngineSettings } from "./settings.ts";

const WIDTH = 40;
const EACH = 200;
const MODELS = 4;
const study = StudyName.parse("small");
const site = SiteName.parse("aachen");
const spec = modelSpecOf(ModelChoice.parse({ preset: "mlp", hidden: [16] }), WIDTH, 2);
const samplingRate = SamplingRate.parse(0.5);
const contract = DataContract.parse({
  columns: Array.from({ length: WIDTH }, (_, i) => ({ name: `gene ${i}`, type: "number", min: 0, max: 1 })),
  label: { name: "sick", values: [0, 1] },
});
const ATTACKS = ["loss", "relative-membership", "likelihood-ratio"] as const;

let folder: string;
let backend: Awaited<ReturnType<typeof startBackend>>;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-references-"));
  backend = await startBackend("wasm");
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function seeded(seed: number) {
  const next = publicUniform(seed);
  return aesCtrStream({ origin: "operating-system", bytes: (n) => Uint8Array.from({ length: n }, () => 256 * next()) });
}

/** Labels that follow from some columns, but for patients near the border, whose labels are all but chance. */
function somePatients(seed: number): PreparedPatients {
  const next = publicUniform(seed);
  const count = 3 * EACH;
  const features = Float32Array.from({ length: count * WIDTH }, () => 2 * next() - 1);
  const labels = Int32Array.from({ length: count }, (_, patient) => {
    const drawn = features.subarray(patient * WIDTH, patient * WIDTH + 10);
    const score = drawn.reduce((sum, value) => sum + value, 0);
    return next() < 1 / (1 + Math.exp(-2 * score)) ? 1 : 0;
  });
  const codes = [PART_CODE.train, PART_CODE.audit, PART_CODE.reference];
  return {
    featureCount: WIDTH,
    features,
    labels,
    recordStart: Int32Array.from({ length: count + 1 }, (_, i) => i),
    parts: Uint8Array.from({ length: count }, (_, i) => codes[Math.floor(i / EACH)] ?? PART_CODE.audit),
  };
}

interface Run {
  /** σ of reference models' steps; without it `sigma`. */
  readonly referenceSigma?: number;
  readonly seed: number;
  readonly sigma: number;
  readonly norm: number;
  readonly rounds: number;
  readonly learningRate: number;
}

type Training = Omit<Run, "rounds" | "referenceSigma">;

/** A site's engine, and what its agent would ask of it. */
function siteOf({ seed, sigma, norm, learningRate }: Training) {
  const random = seeded(seed);
  const noise = new NoiseStore(random);
  const engine = new Engine({ backend, random, noise, workers: null, settings: EngineSettings.parse({}) });
  const grid = gridOf(parameterCount(spec), norm, sigma, samplingRate * EACH);
  const optimizer = Optimizer.parse({ name: "sgd", learningRate, momentum: 0.9 });
  const key = (purpose: RoundKey["purpose"], round: number) => RoundKey.parse({ study, purpose, round, attempt: 1 });
  const handled = async (request: Parameters<Engine["handle"]>[0]) => {
    expect(await engine.handle(request)).not.toHaveProperty("refusal");
  };
  const open = (trainedOn: object) =>
    handled({
      ...{ type: "open", study, spec, grid, classes: 2, expectedBatch: samplingRate * EACH, samplingRate },
      ...{ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(norm) },
      ...{ patients: { source: "prepared", path: at("patients") }, ...trainedOn },
    });
  const file = async (parameters: Float32Array, name: string) => {
    await writeFile(at(name), modelBytes(parameters));
    return { path: at(name), digest: modelDigest(parameters) };
  };
  const bring = async (parameters: Float32Array) =>
    handled({ type: "load-model", study, ...(await file(parameters, "model")) });
  /** A line of the study's: 0 is its own. */
  const trained = async (line: number, rounds: number) => {
    const parameters = initialParameters(spec, seed + line);
    let state = initialState(optimizer, parameters.length);
    for (let round = 1; round <= rounds; round++) {
      await bring(parameters);
      const purpose = line === 0 ? "train" : "reference";
      await handled({ type: "step", key: key(purpose, line * rounds + round), path: at("step") });
      const sum = new Int32Array(grid.dimension);
      unpackInto(sum, grid.bits, await readFile(at("step")));
      state = applyUpdate(optimizer, state, parameters, sum, coarseStep(grid), samplingRate * EACH);
    }
    return parameters;
  };
  return { noise, key, handled, open, file, bring, trained };
}

/** A whole study at one site: reference models, its own, the audit; each attack's AUC with its interval. */
async function audited({ rounds, referenceSigma, ...training }: Run) {
  const { noise, key, handled, open, file, bring, trained } = siteOf(training);
  const references = siteOf({ ...training, sigma: referenceSigma ?? training.sigma });
  try {
    writePrepared(at("patients"), somePatients(training.seed + 1000));
    await references.open({ trainedOn: "reference" });
    const models: { path: string; digest: Digest }[] = [];
    for (let line = 1; line <= MODELS; line++)
      models.push(await file(await references.trained(line, rounds), `reference-${line}`));
    await open({});
    await bring(await trained(0, rounds));
    await handled({ type: "load-references", study, models });
    const population = { slots: populationSlots(contract), count: 1000, seed: 1 };
    await handled({
      ...{ type: "score", key: key("audit", rounds), path: at("audit") },
      what: {
        purpose: "audit",
        attacks: ATTACKS.map((attack) => ({ attack, shape: { classes: 1, bins: 200 } })),
        epsilon: { members: Epsilon.parse(500), nonMembers: Epsilon.parse(500) },
        references: { rule: { offlineA: 0.3, gamma: 1 }, population },
      },
    });
    return aucsOf(AuditContribution.parse(JSON.parse(await readFile(at("audit"), "utf8"))));
  } finally {
    await references.noise.stop();
    await noise.stop();
  }
}

function aucsOf(told: AuditContribution) {
  const digest = Digest.parse("0".repeat(64));
  const { orderings } = auditReportOf({
    ...{ study, studyDigest: digest, modelDigest: digest, round: 1, modelClasses: 2, limit: 0.6 },
    ...{ studySites: [site], histograms: told.attacks.map((attack) => ({ site, ...attack })) },
  });
  return (attack: AttackName) => {
    const auc = orderings.find(({ attacks: [name] }) => name === attack)?.auc;
    if (auc?.state !== "resolved") throw new Error(`${attack} was resolved`);
    return auc;
  };
}

const SEEDS = [1, 2, 3, 4];
const TRAINING = { rounds: 40, learningRate: 0.3 };
const overfitted = { sigma: 0.05, norm: 10, ...TRAINING };
const noised = { sigma: 20, norm: 1, ...TRAINING };
const epsilonAt = (sigma: number) => {
  const event = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier: sigma };
  return epsilonOf(curveOf(PrivacyEvent.parse({ ...event, count: TRAINING.rounds })), 1e-5);
};

type Audited = Awaited<ReturnType<typeof audited>>;

async function runsOf(run: Omit<Run, "seed">): Promise<Audited[]> {
  const runs: Audited[] = [];
  for (const seed of SEEDS) runs.push(await audited({ seed, ...run }));
  return runs;
}

function meanOf(runs: readonly Audited[]): (name: AttackName) => number {
  return (name) => runs.reduce((sum, auc) => sum + auc(name).value, 0) / runs.length;
}

describe("[REF6] what reference attacks see, of whole sites of 200 members and as many hold-outs", () => {
  test("overfitted, at an ε of thousands: relative-membership lies above the loss, its interval above a guess", async () => {
    expect(epsilonAt(overfitted.sigma)).toBeGreaterThan(10_000);
    const runs = await runsOf(overfitted);
    const mean = meanOf(runs);
    expect(mean("relative-membership")).toBeGreaterThan(mean("loss") + 0.03);
    expect(mean("likelihood-ratio")).toBeGreaterThan(0.58);
    for (const auc of runs) expect(auc("relative-membership").low).toBeGreaterThan(0.5);
    // The same bins tell of the loss only that nothing can be told.
    for (const auc of runs) expect(auc("loss").low).toBeLessThan(0.5);
  }, 60_000);

  test.each([2, 8])(
    "reference models of σ = %i: relative-membership holds up, likelihood-ratio doesn't",
    async (sigma) => {
      const mean = meanOf(await runsOf({ ...overfitted, referenceSigma: sigma }));
      expect(mean("relative-membership")).toBeGreaterThan(mean("loss") + 0.01);
      expect(mean("likelihood-ratio")).toBeLessThan(mean("loss") - 0.02);
    },
    60_000,
  );

  test("of ε = 0.62: no interval is above a guess", async () => {
    expect(epsilonAt(noised.sigma)).toBeCloseTo(0.62, 2);
    for (const auc of await runsOf(noised)) {
      for (const name of ATTACKS) expect(auc(name).low).toBeLessThan(0.5);
    }
  }, 60_000);
});

describe("[REF1] a reference model's steps read the reference part alone", () => {
  const stepOn = async (changed: PartName | null, trainedOn: object) => {
    const patients = somePatients(5);
    for (const patient of changed === null ? [] : patientsOf(patients, changed))
      patients.features.fill(0, patient * WIDTH, (patient + 1) * WIDTH);
    writePrepared(at("patients"), patients);
    const site = siteOf({ seed: 6, ...overfitted });
    try {
      await site.open(trainedOn);
      await site.bring(initialParameters(spec, 1));
      await site.handled({ type: "step", key: site.key("reference", 1), path: at("step") });
      return (await readFile(at("step"))).toString("hex");
    } finally {
      await site.noise.stop();
    }
  };

  test("whatever the others' records are, the step is the same; of another record there it isn't", async () => {
    const reference = { trainedOn: "reference" };
    const step = await stepOn(null, reference);
    expect(await stepOn("train", reference)).toBe(step);
    expect(await stepOn("audit", reference)).toBe(step);
    expect(await stepOn("reference", reference)).not.toBe(step);
  });

  test("and the study's own never reads the reference part", async () => {
    const step = await stepOn(null, {});
    expect(await stepOn("reference", {})).toBe(step);
    expect(await stepOn("train", {})).not.toBe(step);
  });
});
