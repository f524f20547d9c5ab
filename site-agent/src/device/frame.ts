/**
 * What the engine process and a worker say to each other over one raw pipe, in memory alone: the length of a header
 * (uint32, little-endian), the header as JSON, then the bytes that it announces. Records go one way and un-noised sums
 * the other, so nothing of it may touch a disk; a sum of 21 million coordinates takes about 0.2 s.
 */
import { readSync, writeSync } from "node:fs";
import { ClipRule } from "@consilium/shared/clipping/clipping";
import { assert } from "@consilium/shared/failure/failure";
import { ModelSpec } from "@consilium/shared/model/spec";
import { Digest, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";

const count = z.number().int().nonnegative();
const backend = z.enum(["tensorflow-gpu", "tensorflow", "wasm"]);

/** From the engine process. */
export const WorkerOrder = z.discriminatedUnion("type", [
  /** A study's network and what computes it; its frozen parameters (float32), which have this digest, follow. */
  z.strictObject({ type: z.literal("open"), study: StudyName, backend, spec: ModelSpec, frozen: Digest, bytes: count }),
  /** The open study's model from now on; its trained parameters (float32) follow. */
  z.strictObject({ type: z.literal("model"), study: StudyName, bytes: count }),
  /** The clipped sum of some patients, whose features, labels and record starts follow; answered by `sum`. */
  z.strictObject({
    type: z.literal("sum"),
    /** Its answer bears it. */
    id: count,
    study: StudyName,
    rule: ClipRule,
    /** η of the study's grid. */
    clipRounding: z.number().positive(),
    /** Rows of a physical batch. */
    rows: z.number().int().positive(),
    /** Patients of the whole step: they share one bound of rounding. */
    patientsInStep: count,
    featureCount: z.number().int().positive(),
    records: count,
    patients: count,
    bytes: count,
  }),
  z.strictObject({ type: z.literal("close"), study: StudyName, bytes: z.literal(0) }),
]);
export type WorkerOrder = z.infer<typeof WorkerOrder>;

/** From a worker. */
export const WorkerAnswer = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("ready"),
    backend,
    bytes: z.literal(0),
  }),
  /** Coordinates follow: of one float32 product each as it is, else float64. */
  z.strictObject({ type: z.literal("sum"), id: count, width: z.literal([4, 8]), bytes: count }),
]);
export type WorkerAnswer = z.infer<typeof WorkerAnswer>;

const LENGTH_BYTES = 4;
/** A deep network's layers take some dozens of kilobytes. */
const HEADER_BYTES_MAX = 16 * 2 ** 20;

/** A frame's beginning; its body follows as it lies in memory. */
export function encodeHeader(header: WorkerOrder | WorkerAnswer): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  assert(text.length <= HEADER_BYTES_MAX, "a worker's header is short");
  const frame = Buffer.alloc(LENGTH_BYTES + text.length);
  frame.writeUInt32LE(text.length);
  text.copy(frame, LENGTH_BYTES);
  return frame;
}

/** Sends a whole frame; waits while the other side is slow to read. */
export function writeFrame(file: number, header: WorkerAnswer, body: ArrayBufferView): void {
  assert(body.byteLength === header.bytes, "a frame's body is as long as announced");
  for (const bytes of [encodeHeader(header), bytesOf(body)]) {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  }
}

/** Waits for the next order; null when the engine process has gone. */
export function readOrder(file: number): WorkerOrder | null {
  const length = Buffer.alloc(LENGTH_BYTES);
  if (!readWhole(file, length)) return null;
  const bytes = length.readUInt32LE();
  assert(bytes <= HEADER_BYTES_MAX, "a worker's header is short");
  const text = Buffer.alloc(bytes);
  return readWhole(file, text) ? WorkerOrder.parse(JSON.parse(text.toString())) : null;
}

/** Fills `into`; false when the other side has gone. */
export function readWhole(file: number, into: ArrayBufferView): boolean {
  const bytes = bytesOf(into);
  for (let filled = 0; filled < bytes.length; ) {
    const read = readSync(file, bytes, filled, bytes.length - filled, null);
    if (read === 0) return false;
    filled += read;
  }
  return true;
}

/** A view of the same memory. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Where the bytes after a header go; throws at one that nobody waits for. */
export type BodyOf = (header: WorkerAnswer) => Uint8Array;

/** Puts a worker's frames together from whatever pieces the pipe gives. */
export class FrameReader {
  readonly #bodyOf: BodyOf;
  readonly #onFrame: (header: WorkerAnswer) => void;
  #head = Buffer.alloc(0);
  #header: WorkerAnswer | undefined;
  #body: Uint8Array = new Uint8Array(0);
  #filled = 0;

  constructor(bodyOf: BodyOf, onFrame: (header: WorkerAnswer) => void) {
    this.#bodyOf = bodyOf;
    this.#onFrame = onFrame;
  }

  /** Throws at a frame that is none. */
  push(piece: Uint8Array): void {
    let rest = piece;
    while (rest.length > 0) rest = this.#header === undefined ? this.#pushHead(rest) : this.#pushBody(rest);
  }

  #pushHead(piece: Uint8Array): Uint8Array {
    const known = this.#head.length;
    const wanted = known < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.#head.readUInt32LE();
    assert(wanted <= LENGTH_BYTES + HEADER_BYTES_MAX, "a worker's header is short");
    this.#head = Buffer.concat([this.#head, piece.subarray(0, wanted - known)]);
    const isWhole = this.#head.length > LENGTH_BYTES && this.#head.length === LENGTH_BYTES + this.#head.readUInt32LE();
    if (isWhole) this.#begin(WorkerAnswer.parse(JSON.parse(this.#head.toString("utf8", LENGTH_BYTES))));
    return piece.subarray(wanted - known);
  }

  #begin(header: WorkerAnswer): void {
    this.#head = Buffer.alloc(0);
    this.#header = header;
    this.#body = this.#bodyOf(header);
    this.#filled = 0;
    assert(this.#body.length === header.bytes, "a frame's body has its place");
    if (header.bytes === 0) this.#end(header);
  }

  #pushBody(piece: Uint8Array): Uint8Array {
    const header = this.#header;
    assert(header !== undefined, "a body follows its header");
    const taken = piece.subarray(0, this.#body.length - this.#filled);
    this.#body.set(taken, this.#filled);
    this.#filled += taken.length;
    if (this.#filled === this.#body.length) this.#end(header);
    return piece.subarray(taken.length);
  }

  #end(header: WorkerAnswer): void {
    this.#header = undefined;
    this.#body = new Uint8Array(0);
    this.#onFrame(header);
  }
}
