import { readFileSync } from "node:fs";

/** What `assembly/` exports: arguments called `at…` are addresses in `memory`, counts are as its comments state. */
interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly roundAndAddFloat32: RoundAndAdd;
  readonly roundAndAddFloat64: RoundAndAdd;
  packNarrow(atValues: number, atPacked: number, count: number, bits: number): void;
  packWide(atValues: number, atPacked: number, count: number, bits: number): void;
  addPackedNarrow(atPacked: number, atSum: number, count: number, bits: number, atShape: number): number;
  addPackedWide(atPacked: number, atSum: number, count: number, bits: number): number;
  drawFromTable(
    atWords: number,
    atTable: number,
    count: number,
    indexBits: number,
    radius: number,
    atTies: number,
  ): number;
  sumPairs(atDraws: number, atSums: number, count: number, step: number): void;
  sgdStep(atParameters: number, atAggregate: number, count: number, scale: number, rate: number): void;
  momentumStep(
    atParameters: number,
    atAggregate: number,
    atVelocity: number,
    count: number,
    scale: number,
    rate: number,
    momentum: number,
  ): void;
  adamStep(
    atParameters: number,
    atAggregate: number,
    atFirst: number,
    atSecond: number,
    count: number,
    scale: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    firstBias: number,
    secondBias: number,
  ): void;
  yogiStep(
    atParameters: number,
    atAggregate: number,
    atFirst: number,
    atSecond: number,
    count: number,
    scale: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
}

type RoundAndAdd = (
  atSum: number,
  atNoise: number,
  count: number,
  perStep: number,
  clamp: number,
  shift: number,
  limit: number,
) => void;

/** Node's own, with the exports that this build's file has. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Kernel };
};

/**
 * The kernels of this thread, from the file that `asc` made of `assembly/`: beside these sources or their output.
 * Loops in `assembly/` test at their foot: what doesn't change in a loop, V8 lifts out of those alone.
 */
export const kernel = new WebAssembly.Instance(
  new WebAssembly.Module(readFileSync(new URL("../dist/kernel.wasm", import.meta.url))),
).exports;

/*
 * The kernels' memory, 1 MiB: what a kernel works on is copied here and back by pieces that stay in the processor's
 * cache, so that large arrays remain ordinary ones. One kernel runs at a time, and each finds it as others left it.
 */
export const bytes = new Uint8Array(kernel.memory.buffer);
export const int32 = new Int32Array(kernel.memory.buffer);
export const float32 = new Float32Array(kernel.memory.buffer);
export const float64 = new Float64Array(kernel.memory.buffer);

/** Values of a piece. */
export const PIECE_VALUES = 8192;

/** A region of the memory holds a piece of float64, and what a kernel reads or writes beyond its end. */
const REGION_BYTES = 8 * PIECE_VALUES + 64;

/** Address of a region; they lie one after another, eight of them before `TABLE`. */
export function region(index: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7): number {
  return index * REGION_BYTES;
}

/** Address of the table that is kept between calls, and the most that it may measure. */
export const TABLE = 8 * REGION_BYTES;
export const TABLE_SLOTS_MAX = 1 << 15;

/** The next multiple: kernels take several values at a time, and what lies beyond the last is of no use to anyone. */
export function upTo(multiple: 4 | 8, count: number): number {
  return Math.ceil(count / multiple) * multiple;
}

/** Overwrites regions in which private numbers lay. */
export function wipe(first: number, end: number): void {
  bytes.fill(0, first, end);
}
