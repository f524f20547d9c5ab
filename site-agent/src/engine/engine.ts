import { useBackend } from "@consilium/engine/backend";
import { clipRuleOf } from "@consilium/shared/clipping/clipping";
import type { LocalSteps } from "@consilium/shared/contribution/pseudoGradient";
import { type Contribution, chargedBytes } from "@consilium/shared/contribution/stages";
import { Failure, toRefusal, unreachable } from "@consilium/shared/failure/failure";
import { decodeSynthetic } from "@consilium/shared/generator/madeFile";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { StudyName } from "@consilium/shared/units/identity";
import { patientsOf } from "../contract/preparedPatients.ts";
import type { StudyEngine } from "../device/status.ts";
import { addCanaries } from "./gradientCanaries.ts";
import { chooseGenerators, madeOf, readMade } from "./made.ts";
import type { EngineReply, EngineRequest } from "./message.ts";
import {
  backendOf,
  type EngineParts,
  type NoisedSource,
  type OpenStudy,
  openStudy,
  type PatientSource,
  type SanitizedSource,
} from "./openStudy.ts";
import { type NoiseBlocks, type PrivateRound, privateRound } from "./privateRound.ts";
import { privateStep } from "./privateStep.ts";
import { sanitizedRound } from "./sanitizedRound.ts";
import { score } from "./score.ts";
import { noisedStatistics } from "./statistics.ts";
import { writeDurably } from "./writeDurably.ts";

type Step = Extract<EngineRequest, { type: "step" }>;
type Score = Extract<EngineRequest, { type: "score" }>;

/** Answers the agent's requests. Nothing in a reply depends on a record but through noise that was charged. */
export class Engine {
  readonly #parts: EngineParts;
  readonly #studies = new Map<StudyName, OpenStudy>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** A failure is a reply too; one that isn't expected says nothing of its cause. */
  async handle(request: EngineRequest): Promise<EngineReply> {
    try {
      return await this.#answer(request);
    } catch (error) {
      return { type: "failed", refusal: toRefusal(error) };
    }
  }

  async #answer(request: EngineRequest): Promise<EngineReply> {
    switch (request.type) {
      case "open":
        this.#close(request.study);
        this.#studies.set(request.study, await openStudy(request, this.#parts));
        return { type: "opened", ...this.#studyEngine(request.study) };
      case "load-model":
        await this.#study(request.study).model.load(request.path, request.digest);
        return { type: "done" };
      case "load-references":
        await this.#loadReferences(request);
        return { type: "done" };
      case "advance-model":
        this.#study(request.study).model.advance(request);
        return { type: "done" };
      case "load-made":
        this.#study(request.study).made = await readMade(request);
        return { type: "done" };
      case "choose":
        return this.#choose(request);
      case "prepare-noise":
        this.#prepareNoise(request.key);
        return { type: "done" };
      case "step":
        return this.#step(request);
      case "normalise":
        return this.#normalise(request);
      case "score":
        return this.#score(request);
      case "abandon":
        this.#parts.noise.abandon(request.key);
        return { type: "done" };
      case "close":
        this.#close(request.study);
        return { type: "done" };
      case "status": {
        const { name, notUsed, threads } = this.#parts.backend;
        const rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20);
        const workers = [...((await this.#parts.workers?.status()) ?? [])];
        const studies = [...this.#studies.keys()].map((study) => this.#studyEngine(study));
        return { type: "status", backend: name, notUsed: [...notUsed], threads, rssMiB, workers, studies };
      }
      default:
        return unreachable(request);
    }
  }

  async #step(request: Step): Promise<EngineReply> {
    const study = await this.#onItsBackend(request.key.study);
    const contribution = await this.#contributionOf(study, request);
    return { type: "written", ...writeDurably(request.path, chargedBytes(contribution)) };
  }

  #prepareNoise(key: RoundKey): void {
    const { source } = this.#study(key.study);
    if (source.kind !== "sanitized") this.#parts.noise.prepare(key, source.grid);
  }

  #contributionOf(study: OpenStudy, { key, local, roundNorm }: Step): Promise<Contribution> {
    const { source } = study;
    if (source.kind === "sanitized") return this.#onSanitized(study, source, local);
    if (local === undefined) return this.#oneStep(study, source, key, roundNorm);
    if (source.kind === "random-sums") throw noRecords();
    return this.#localSteps(study, source, key, local);
  }

  #onSanitized(study: OpenStudy, source: SanitizedSource, local: LocalSteps | undefined): Promise<Contribution> {
    const { request, model, packed } = study;
    const { grid, trainPatients, device } = source;
    const { random } = this.#parts;
    return sanitizedRound({
      ...{ trainPatients, samplingRate: request.samplingRate, rule: clipRuleOf(request), grid, random, packed, local },
      start: model.parameters,
      own: () => ownMemory(study),
      withDevice: (parameters, use) => device.with(parameters, use),
    });
  }

  async #oneStep(
    { request, model, packed }: OpenStudy,
    source: NoisedSource,
    key: RoundKey,
    roundNorm: Step["roundNorm"],
  ): Promise<Contribution> {
    const { samplingRate } = request;
    const { grid } = source;
    const { noise: store, random } = this.#parts;
    const noise = await store.take(key, grid);
    try {
      addCanaries(noise, request, grid, random);
      if (source.kind === "random-sums") return source.sums.step(noise, grid, samplingRate, packed);
      const rule = clipRuleOf(request, roundNorm);
      const ofStudy = { trainPatients: source.trainPatients, samplingRate, rule, grid, noise, random, packed };
      return await source.device.with(model.parameters, (device) => privateStep({ ...ofStudy, device }));
    } finally {
      store.release(noise);
    }
  }

  async #localSteps(
    study: OpenStudy,
    { trainPatients, grid, device }: PatientSource,
    key: RoundKey,
    local: LocalSteps,
  ): Promise<Contribution> {
    const { request, model, packed } = study;
    const { samplingRate } = request;
    const { noise: store, random } = this.#parts;
    const start = model.parameters;
    const noise: NoiseBlocks = {
      take: (step) => {
        // Made while this step is computed: three blocks are alive at most, however many steps there are.
        if (step + 1 < local.steps) store.prepare(key, grid, step + 1);
        return store.take(key, grid, step);
      },
      release: (block) => store.release(block),
    };
    const withDevice: PrivateRound["withDevice"] = (parameters, use) => device.with(parameters, use);
    const rule = clipRuleOf(request);
    const ofStudy = { trainPatients, samplingRate, rule, grid, random, packed, start, own: ownMemory(study) };
    try {
      return await privateRound({ ...ofStudy, local, noise, withDevice });
    } finally {
      store.abandon(key);
    }
  }

  #normalise({ key, path, rule, places }: Extract<EngineRequest, { type: "normalise" }>): EngineReply {
    const { source, request } = this.#study(key.study);
    if (source.kind !== "patients" || request.scales !== undefined) throw notNormalised();
    const { patients } = source;
    const noised = noisedStatistics(patients, patientsOf(patients, "train"), { rule, places }, this.#parts.random);
    return { type: "written", ...writeDurably(path, noised) };
  }

  async #loadReferences({ study, models }: Extract<EngineRequest, { type: "load-references" }>): Promise<void> {
    const open = this.#study(study);
    open.references = await Promise.all(models.map(({ path, digest }) => open.model.read(path, digest)));
  }

  #choose({ key, path, best, epsilon }: Extract<EngineRequest, { type: "choose" }>): EngineReply {
    const { source, made, request } = this.#study(key.study);
    if (source.kind !== "patients") throw noRecords();
    const { classes } = request;
    const chosen = chooseGenerators(source.patients, madeOf(made), { best, epsilon, classes }, this.#parts.random);
    return { type: "written", ...writeDurably(path, chosen) };
  }

  async #score({ key, path, what }: Score): Promise<EngineReply> {
    const { model, source, request, references, made } = await this.#onItsBackend(key.study);
    if (source.kind === "random-sums") throw noRecords();
    const canaries = what.purpose === "audit" ? what.canaries : undefined;
    const first = canaries === undefined ? null : await model.firstNetwork(canaries.seed, request.start);
    try {
      const networks = {
        released: model.network(),
        first: () => first ?? model.network(),
        references: references.map((parameters) => () => model.networkAt(parameters)),
        synthetic: () => decodeSynthetic(madeOf(made)),
      };
      const scored = score(networks, source.patients, what, this.#parts.random, request.scales);
      return { type: "written", ...writeDurably(path, scored) };
    } finally {
      first?.dispose();
    }
  }

  /** Requests that compute run one after another (`main.ts`), each from here to its end on one backend. */
  async #onItsBackend(name: StudyName): Promise<OpenStudy> {
    const study = this.#study(name);
    if (study.choice !== null) await useBackend(backendOf(study.choice, this.#parts));
    return study;
  }

  #studyEngine(study: StudyName): StudyEngine {
    const { choice } = this.#study(study);
    return { study, ...(choice ?? { engine: null, why: "sums at random" }) };
  }

  #study(name: StudyName): OpenStudy {
    const study = this.#studies.get(name);
    if (study === undefined) throw notOpen(name);
    return study;
  }

  #close(name: StudyName): void {
    this.#studies.get(name)?.model.dispose();
    this.#parts.workers?.close(name);
    this.#studies.delete(name);
  }
}

/** Of the site's own model between local steps; got when first needed. */
function ownMemory(study: OpenStudy): Float32Array {
  study.own ??= new Float32Array(study.model.parameters.length);
  return study.own;
}

function notOpen(study: StudyName): Failure {
  return new Failure({
    code: "engine/not-open",
    kind: "refused",
    what: `The engine has no open study ${study}.`,
    remedy: "Open the study and load its model again: the engine process was started anew.",
  });
}

function notNormalised(): Failure {
  return new Failure({
    code: "engine/not-normalised",
    kind: "refused",
    what: "Columns are normalised once, from original patients' features as their public ranges scale them.",
    remedy: "Open the study without scales; sanitized records and random sums have none to learn.",
  });
}

function noRecords(): Failure {
  return new Failure({
    code: "engine/no-records",
    kind: "refused",
    what: "A study of random sums has no records to score.",
    remedy: "Leave evaluation and audit out of the bench of rounds.",
  });
}
