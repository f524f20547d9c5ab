import { type Backend, type BackendName, useBackend } from "@consilium/engine/backend";
import { patientPart } from "@consilium/shared/clipping/patientPart";
import type { Grid, NoisedGrid } from "@consilium/shared/contribution/grid";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { Failure } from "@consilium/shared/failure/failure";
import { featureCount, parameterCount } from "@consilium/shared/model/spec";
import { applyScales } from "@consilium/shared/normalisation/columnScales";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { readPrepared, readSanitized } from "../contract/preparedFile.ts";
import { type PartName, type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import { chooseEngine, type EngineChoice } from "../device/engineChoice.ts";
import type { DeviceWorkers } from "../device/workers.ts";
import { PATIENTS_PER_STEP_MAX } from "../gradient/placesPerSum.ts";
import type { NoiseStore } from "../noise/noiseStore.ts";
import type { EngineRequest } from "./message.ts";
import { ModelState } from "./modelState.ts";
import { RandomSums } from "./randomSums.ts";
import type { EngineSettings } from "./settings.ts";
import { ownStudyDevice, type StudyDevice, sharedStudyDevice } from "./studyDevice.ts";

type Open = Extract<EngineRequest, { type: "open" }>;

/** Records of a study whose steps are noised. */
export interface PatientSource {
  readonly kind: "patients";
  readonly grid: NoisedGrid;
  /** Whom metrics and the audit score. */
  readonly patients: PreparedPatients;
  /** Whom steps sample: training patients, and the canaries whose coin let them in; or the reference part. */
  readonly trainPatients: Int32Array;
  /** Holds the patients that steps read. */
  readonly device: StudyDevice;
}

/** Training patients from a file that holds sanitized ones alone; those who are scored are the original ones. */
export interface SanitizedSource extends Omit<PatientSource, "kind" | "grid"> {
  readonly kind: "sanitized";
  readonly grid: Grid;
}

/** What steps with noise are made from: records, or the bench's stand-in for their sums. */
export type NoisedSource =
  | PatientSource
  | { readonly kind: "random-sums"; readonly grid: NoisedGrid; readonly sums: RandomSums };

export interface OpenStudy {
  readonly request: Open;
  readonly model: ModelState;
  /** What computes its gradients, here or in workers; null where there are none. */
  readonly choice: EngineChoice | null;
  readonly source: NoisedSource | SanitizedSource;
  /** Memory of its contributions: each is in its file before the next is packed. */
  readonly packed: Uint8Array;
  /** Memory of the site's own model between local steps; got when first needed. */
  own: Float32Array | undefined;
  /** The finished reference models' numbers, in their order; none but for the audit. */
  references: readonly Float32Array[];
  /** File of what the study's generators made; none but for the choice and the audit. */
  made: Uint8Array | null;
}

export interface EngineParts {
  readonly backend: Backend;
  readonly random: RandomSource;
  readonly noise: NoiseStore;
  /** None: this process computes gradients itself. */
  readonly workers: DeviceWorkers | null;
  readonly settings: EngineSettings;
}

/** Refuses what doesn't fit together, before a record is computed with. */
export async function openStudy(request: Open, parts: EngineParts): Promise<OpenStudy> {
  const { spec, grid } = request;
  if (patientPart(request, parameterCount(spec)).dimension !== grid.dimension)
    throw unfit("the grid has another dimension than the model");
  const packed = new Uint8Array(packedBytes(grid.dimension, grid.bits));
  const model = new ModelState(spec, grid, request.heads);
  if (request.start !== undefined) await model.begin(request.start);
  const ofStudy = { request, model, packed, own: undefined, references: [], made: null };
  const { patients } = request;
  if (patients.source === "random-sums") {
    const noised = noisedGrid(grid);
    const sums = new RandomSums(noised, patients.seed);
    return { ...ofStudy, choice: null, source: { kind: "random-sums", grid: noised, sums } };
  }
  const choice = chooseFor(request, parts);
  // Rows of a batch are cut to the backend that is in use.
  await useBackend(backendOf(choice, parts));
  return { ...ofStudy, choice, source: openPatients(patients, { request, model, choice, parts }) };
}

/** By what one process has of a step. */
function chooseFor({ spec, expectedBatch }: Open, { backend, workers, settings }: EngineParts): EngineChoice {
  const hasNative = workers === null ? backend.name !== "wasm" : workers.isNative;
  return chooseEngine(settings.backend, hasNative, spec, expectedBatch / (workers?.count ?? 1));
}

/** In this process, whose own may be another than its workers'. */
export function backendOf({ engine }: EngineChoice, { backend }: EngineParts): BackendName {
  return engine === "wasm" ? "wasm" : backend.name;
}

interface Opening {
  readonly request: Open;
  readonly model: ModelState;
  readonly choice: EngineChoice;
  readonly parts: EngineParts;
}

function openPatients(
  named: Exclude<Open["patients"], { source: "random-sums" }>,
  opening: Opening,
): PatientSource | SanitizedSource {
  const { request } = opening;
  const patients = scaled(fitting(readPrepared(named.path), request), request);
  if (named.source === "prepared")
    return { kind: "patients", grid: noisedGrid(request.grid), patients, ...trainingOn(patients, opening) };
  if (request.scales !== undefined) throw unfit("sanitized records are scaled by their public ranges alone");
  if (request.trainedOn === "reference") throw unfit("reference models are trained on original patients alone");
  if (isNoised(request.grid)) throw unfit("sanitized patients' sums have a grid without noise");
  const sanitized = readSanitized(named.sanitized);
  fitting(sanitized, request, true);
  return { kind: "sanitized", grid: request.grid, patients, ...trainingOn(sanitized, opening) };
}

function fitting(
  patients: PreparedPatients,
  { spec, classes, canaries: wanted = 0 }: Open,
  isSanitized = false,
): PreparedPatients {
  if (patients.featureCount !== featureCount(spec)) throw unfit("the prepared patients have other features");
  if (patients.labels.some((label) => label < 0 || label >= classes)) throw unfit("a label is outside the contract");
  const canaries = patientsOf(patients, "canaryIn", "canaryOut").length;
  if (canaries !== (isSanitized ? 0 : wanted)) throw unfit("the prepared patients have not the study's canaries");
  return patients;
}

/** As the study's normalisation has them; before it, and without one, as they were prepared. */
function scaled(patients: PreparedPatients, { scales = [] }: Open): PreparedPatients {
  applyScales(patients.features, patients.featureCount, scales);
  return patients;
}

/** Whom steps sample among these, and the device that holds them. A canary is in no reference model. */
function trainingOn(
  patients: PreparedPatients,
  { request, model, choice: { engine }, parts: { workers, settings } }: Opening,
): Pick<PatientSource, "trainPatients" | "device"> {
  const trained: readonly PartName[] = request.trainedOn === undefined ? ["train", "canaryIn"] : ["reference"];
  const trainPatients = patientsOf(patients, ...trained);
  if (trainPatients.length > PATIENTS_PER_STEP_MAX) throw unfit("there are more than 2²⁰ training patients");
  const parts = { request, model, patients, memoryMiB: settings.memoryMiB, engine };
  return { trainPatients, device: workers === null ? ownStudyDevice(parts) : sharedStudyDevice(parts, workers) };
}

function isNoised(grid: NoisedGrid | Grid): grid is NoisedGrid {
  return "noiseMultiplier" in grid;
}

/** Original patients' sums are never made on a grid without noise. */
function noisedGrid(grid: NoisedGrid | Grid): NoisedGrid {
  if (isNoised(grid)) return grid;
  throw unfit("the grid has no noise, and the patients are not sanitized");
}

function unfit(why: string): Failure {
  return new Failure({
    code: "engine/unfit",
    kind: "refused",
    what: `The study can't be opened: ${why}.`,
    remedy: "Prepare the study's patients again: consilium-site study approve.",
  });
}
