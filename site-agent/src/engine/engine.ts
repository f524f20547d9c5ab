import { type Backend, type BackendName, useBackend } from "@consilium/engine/backend";
import { clipRuleOf } from "@consilium/shared/clipping/clipping";
import { patientPart } from "@consilium/shared/clipping/patientPart";
import { packedBytes } from "@consilium/shared/contribution/pack";
import type { LocalSteps } from "@consilium/shared/contribution/pseudoGradient";
import { type Contribution, chargedBytes } from "@consilium/shared/contribution/stages";
import { Failure, toRefusal, unreachable } from "@consilium/shared/failure/failure";
import { featureCount, parameterCount } from "@consilium/shared/model/spec";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { StudyName } from "@consilium/shared/units/identity";
import { readPrepared } from "../contract/preparedFile.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { chooseEngine, type EngineChoice } from "../device/engineChoice.ts";
import type { StudyEngine } from "../device/status.ts";
import type { DeviceWorkers } from "../device/workers.ts";
import { PATIENTS_PER_STEP_MAX } from "../gradient/placesPerSum.ts";
import type { NoiseStore } from "../noise/noiseStore.ts";
import type { EngineReply, EngineRequest } from "./message.ts";
import { ModelState } from "./modelState.ts";
import { type NoiseBlocks, type PrivateRound, privateRound } from "./privateRound.ts";
import { privateStep } from "./privateStep.ts";
import { RandomSums } from "./randomSums.ts";
import { patientsOf, score } from "./score.ts";
import type { EngineSettings } from "./settings.ts";
import { ownStudyDevice, type StudyDevice, sharedStudyDevice } from "./studyDevice.ts";
import { writeDurably } from "./writeDurably.ts";

type Open = Extract<EngineRequest, { type: "open" }>;
type Step = Extract<EngineRequest, { type: "step" }>;
type Score = Extract<EngineRequest, { type: "score" }>;

/** Records of a study, or the bench's stand-in for their sums. */
type Source =
  | {
      readonly kind: "patients";
      readonly patients: PreparedPatients;
      readonly trainPatients: Int32Array;
      readonly device: StudyDevice;
    }
  | { readonly kind: "random-sums"; readonly sums: RandomSums };

interface OpenStudy {
  readonly request: Open;
  readonly model: ModelState;
  /** What computes its gradients, here or in workers; null where there are none. */
  readonly choice: EngineChoice | null;
  readonly source: Source;
  /** Memory of its contributions: each is in its file before the next is packed. */
  readonly packed: Uint8Array;
  /** Memory of the site's own model between local steps; got when first needed. */
  own: Float32Array | undefined;
}

export interface EngineParts {
  readonly backend: Backend;
  readonly random: RandomSource;
  readonly noise: NoiseStore;
  /** None: this process computes gradients itself. */
  readonly workers: DeviceWorkers | null;
  readonly settings: EngineSettings;
}

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
      case "advance-model":
        this.#study(request.study).model.advance(request);
        return { type: "done" };
      case "prepare-noise":
        this.#parts.noise.prepare(request.key, this.#study(request.key.study).request.grid);
        return { type: "done" };
      case "step":
        return this.#step(request);
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
    const contribution = await (request.local === undefined
      ? this.#oneStep(study, request)
      : this.#localSteps(study, request.key, request.local));
    return { type: "written", ...writeDurably(request.path, chargedBytes(contribution)) };
  }

  async #oneStep({ request, model, source, packed }: OpenStudy, { key, roundNorm }: Step): Promise<Contribution> {
    const { grid, samplingRate } = request;
    const { noise: store, random } = this.#parts;
    const noise = await store.take(key, grid);
    try {
      if (source.kind === "random-sums") return source.sums.step(noise, grid, samplingRate, packed);
      const rule = clipRuleOf(request, roundNorm);
      const ofStudy = { trainPatients: source.trainPatients, samplingRate, rule, grid, noise, random, packed };
      return await source.device.with(model.parameters, (device) => privateStep({ ...ofStudy, device }));
    } finally {
      store.release(noise);
    }
  }

  async #localSteps(study: OpenStudy, key: RoundKey, local: LocalSteps): Promise<Contribution> {
    const { request, model, source, packed } = study;
    const { grid, samplingRate } = request;
    if (source.kind === "random-sums") throw noRecords();
    const { trainPatients } = source;
    const { noise: store, random } = this.#parts;
    const start = model.parameters;
    study.own ??= new Float32Array(start.length);
    const noise: NoiseBlocks = {
      take: (step) => {
        // Made while this step is computed: three blocks are alive at most, however many steps there are.
        if (step + 1 < local.steps) store.prepare(key, grid, step + 1);
        return store.take(key, grid, step);
      },
      release: (block) => store.release(block),
    };
    const withDevice: PrivateRound["withDevice"] = (parameters, use) => source.device.with(parameters, use);
    const rule = clipRuleOf(request);
    const ofStudy = { trainPatients, samplingRate, rule, grid, random, packed, start, own: study.own };
    try {
      return await privateRound({ ...ofStudy, local, noise, withDevice });
    } finally {
      store.abandon(key);
    }
  }

  async #score(request: Score): Promise<EngineReply> {
    const { model, source } = await this.#onItsBackend(request.key.study);
    if (source.kind === "random-sums") throw noRecords();
    const scored = score(model.network(), source.patients, request.what, this.#parts.random);
    return { type: "written", ...writeDurably(request.path, scored) };
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

async function openStudy(request: Open, parts: EngineParts): Promise<OpenStudy> {
  const { spec, grid } = request;
  if (patientPart(request, parameterCount(spec)).dimension !== grid.dimension)
    throw unfit("the grid has another dimension than the model");
  const packed = new Uint8Array(packedBytes(grid.dimension, grid.bits));
  const model = new ModelState(spec, grid);
  if (request.start !== undefined) await model.begin(request.start);
  const ofStudy = { request, model, packed, own: undefined };
  const { patients } = request;
  if (patients.source === "random-sums") {
    return { ...ofStudy, choice: null, source: { kind: "random-sums", sums: new RandomSums(grid, patients.seed) } };
  }
  const choice = chooseFor(request, parts);
  // Rows of a batch are cut to the backend that is in use.
  await useBackend(backendOf(choice, parts));
  return { ...ofStudy, choice, source: openPatients(patients.path, request, model, choice, parts) };
}

/** By what one process has of a step. */
function chooseFor({ spec, expectedBatch }: Open, { backend, workers, settings }: EngineParts): EngineChoice {
  const hasNative = workers === null ? backend.name !== "wasm" : workers.isNative;
  return chooseEngine(settings.backend, hasNative, spec, expectedBatch / (workers?.count ?? 1));
}

/** In this process, whose own may be another than its workers'. */
function backendOf({ engine }: EngineChoice, { backend }: EngineParts): BackendName {
  return engine === "wasm" ? "wasm" : backend.name;
}

function openPatients(
  path: string,
  request: Open,
  model: ModelState,
  { engine }: EngineChoice,
  { workers, settings: { memoryMiB } }: EngineParts,
): Source {
  const { spec, classes } = request;
  const patients = readPrepared(path);
  if (patients.featureCount !== featureCount(spec)) throw unfit("the prepared patients have other features");
  if (patients.labels.some((label) => label < 0 || label >= classes)) throw unfit("a label is outside the contract");
  const trainPatients = patientsOf(patients, "train");
  if (trainPatients.length > PATIENTS_PER_STEP_MAX) throw unfit("there are more than 2²⁰ training patients");
  const parts = { request, model, patients, memoryMiB, engine };
  const device = workers === null ? ownStudyDevice(parts) : sharedStudyDevice(parts, workers);
  return { kind: "patients", patients, trainPatients, device };
}

function notOpen(study: StudyName): Failure {
  return new Failure({
    code: "engine/not-open",
    kind: "refused",
    what: `The engine has no open study ${study}.`,
    remedy: "Open the study and load its model again: the engine process was started anew.",
  });
}

function unfit(why: string): Failure {
  return new Failure({
    code: "engine/unfit",
    kind: "refused",
    what: `The study can't be opened: ${why}.`,
    remedy: "Prepare the study's patients again: consilium-site study approve.",
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
