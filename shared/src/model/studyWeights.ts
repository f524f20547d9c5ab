import { z } from "zod";
import { digestOf } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import { WEIGHTS_BYTES_MAX } from "../protocol/limits.ts";
import { Digest } from "../units/identity.ts";
import { initialParameters } from "./initial.ts";
import { LayerName } from "./layer.ts";
import { modelBytes, modelDigest } from "./modelDigest.ts";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterCount, parameterSlots, sizeOf } from "./spec.ts";
import type { Weights } from "./weights.ts";

/**
 * The weights file that a study starts from, as its signed document names it: float32, little-endian, all trained
 * numbers and then all frozen ones, in the order of their slots. It has no header that two parties could read
 * differently: names and shapes follow from the document. Whoever proposes the study declares the weights public.
 */
export const StudyWeights = z.strictObject({
  digest: Digest.describe("SHA-256 of the study's weights file."),
  bytes: z.number().int().positive().max(WEIGHTS_BYTES_MAX),
  initial: Digest.describe("SHA-256 of its trained numbers: the model before the first step."),
  frozen: Digest.describe("SHA-256 of its frozen numbers, which a release holds unchanged."),
  source: z
    .strictObject({
      file: z.string().regex(/^[^\p{Cc}]{1,200}$/u, "a file's name"),
      digest: Digest,
    })
    .describe("Where they came from, in the proposer's words: the file that was read, and its SHA-256."),
  fresh: z.array(LayerName).describe("Layers that the file had not: they start from training.initialSeed."),
});
export type StudyWeights = z.infer<typeof StudyWeights>;

/** What no step of a study changes, with its SHA-256 as the study names it. */
export interface FrozenPart {
  readonly numbers: Float32Array;
  readonly digest: Digest;
}

/** Of a study that trains every layer. */
export const NOTHING_FROZEN: FrozenPart = {
  numbers: new Float32Array(0),
  digest: modelDigest(new Float32Array(0)),
};

/** A study's weights file, and how its document names it. */
export function studyWeights(
  weights: Weights,
  from: Pick<StudyWeights, "source" | "fresh">,
): { readonly named: StudyWeights; readonly bytes: Uint8Array } {
  const { parameters, frozen } = weights;
  const bytes = new Uint8Array(parameters.byteLength + frozen.byteLength);
  bytes.set(modelBytes(parameters));
  bytes.set(modelBytes(frozen), parameters.byteLength);
  const [initial, ofFrozen] = [modelDigest(parameters), modelDigest(frozen)];
  return { named: { digest: digestOf(bytes), bytes: bytes.length, initial, frozen: ofFrozen, ...from }, bytes };
}

/** Bytes of a network's weights file. */
export function weightsBytes(spec: ModelSpec): number {
  return Float32Array.BYTES_PER_ELEMENT * (parameterCount(spec) + sizeOf(frozenSlots(spec)));
}

/**
 * The numbers of a weights file, in memory of their own. Believes nothing: bytes, both parts, what starts anew and that
 * every number is finite are held against the document.
 */
export function openStudyWeights(spec: ModelSpec, named: StudyWeights, seed: number, bytes: Uint8Array): Weights {
  if (bytes.length !== named.bytes || digestOf(bytes) !== named.digest) {
    throw differs("its bytes are not those that the study names");
  }
  if (bytes.length !== weightsBytes(spec)) throw differs("it is not of the network's size");
  const aligned = bytes.slice();
  const numbers = new Float32Array(aligned.buffer, 0, aligned.length / Float32Array.BYTES_PER_ELEMENT);
  const trained = parameterCount(spec);
  const [parameters, frozen] = [numbers.slice(0, trained), numbers.slice(trained)];
  if (modelDigest(parameters) !== named.initial) throw differs("its trained part is not the one that the study names");
  if (modelDigest(frozen) !== named.frozen) throw differs("its frozen part is not the one that the study names");
  requireFinite(spec, { parameters, frozen });
  requireFresh(spec, named, seed, parameters);
  return { parameters, frozen };
}

/** Refuses numbers with which no gradient is finite, by the name of what holds them. */
function requireFinite(spec: ModelSpec, { parameters, frozen }: Weights): void {
  for (const [slots, numbers] of [
    [parameterSlots(spec), parameters],
    [frozenSlots(spec), frozen],
  ] as const) {
    const bad = slots.find((slot) => !valuesOf(slot, numbers).every(Number.isFinite));
    if (bad !== undefined) throw differs(`${bad.name} holds a number that is not finite`);
  }
}

/** A head that claims to start from the public seed does. */
function requireFresh(spec: ModelSpec, { fresh }: StudyWeights, seed: number, parameters: Float32Array): void {
  if (fresh.length === 0) return;
  const initial = initialParameters(spec, seed);
  for (const slot of parameterSlots(spec).filter(({ name }) => isOf(fresh, name))) {
    const expected = valuesOf(slot, initial);
    if (valuesOf(slot, parameters).some((value, i) => value !== expected[i])) {
      throw differs(`${slot.name} does not start from the study's seed, as the study says`);
    }
  }
}

function isOf(layers: readonly string[], slot: string): boolean {
  return layers.includes(slot.slice(0, slot.lastIndexOf("/")));
}

function valuesOf({ offset, size }: ParameterSlot, numbers: Float32Array): Float32Array {
  return numbers.subarray(offset, offset + size);
}

function differs(why: string): Failure {
  return new Failure({
    code: "model/study-weights-differ",
    kind: "refused",
    what: `The study's weights file can't be used: ${why}.`,
    remedy: "Fetch it again, or have the study proposed again from the file that it names.",
  });
}
