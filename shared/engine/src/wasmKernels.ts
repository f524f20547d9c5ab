import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";

/*
 * TF.js's own Slice, Unpack and SplitV for wasm copy all of a tensor before they cut a part from it: to take a tensor
 * apart record by record took the square of its size. These read where it lies.
 */

/** TF.js's backend for wasm, as far as kernels of one's own need it. */
interface Heap {
  makeOutput(shape: number[], type: tf.DataType): tf.TensorInfo;
  /** The numbers where they lie: good until memory is next taken from the heap. */
  typedArrayFromHeap(tensor: tf.TensorInfo): Numbers;
}

type Numbers = Float32Array | Int32Array | Uint8Array;
type Call = Parameters<tf.KernelFunc>[0];

const Lengths = z.union([z.number(), z.array(z.number())]);
const SliceAttributes = z.object({ begin: Lengths, size: Lengths.optional() });
const UnpackAttributes = z.object({ axis: z.number() });
const SplitAttributes = z.object({ numOrSizeSplits: Lengths, axis: z.number() });

/** Puts these kernels in the place of the backend's own, once in a process. */
export function registerWasmKernels(): void {
  replace(tf.Slice, slice);
  replace(tf.Unpack, unpack);
  replace(tf.SplitV, split);
}

const replaced = new Set<string>();

function replace(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if (replaced.has(kernelName)) return;
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc });
  replaced.add(kernelName);
}

function slice({ inputs, backend, attrs }: Call): tf.TensorInfo {
  const x = inputOf(inputs, "x");
  const { begin, size } = SliceAttributes.parse(attrs);
  const [first, lengths] = tf.slice_util.parseSliceParams(x, begin, size);
  return part(heapOf(backend), x, first ?? [], lengths ?? []);
}

function unpack({ inputs, backend, attrs }: Call): tf.TensorInfo[] {
  const value = inputOf(inputs, "value");
  const { axis: asked } = UnpackAttributes.parse(attrs);
  const axis = asked < 0 ? asked + value.shape.length : asked;
  const shape = value.shape.filter((_, other) => other !== axis);
  const parts = along(heapOf(backend), value, axis, new Array<number>(value.shape[axis] ?? 0).fill(1));
  return parts.map(({ dataId, dtype }) => ({ dataId, dtype, shape }));
}

function split({ inputs, backend, attrs }: Call): tf.TensorInfo[] {
  const x = inputOf(inputs, "x");
  const { numOrSizeSplits, axis: asked } = SplitAttributes.parse(attrs);
  const [axis = 0] = tf.util.parseAxisParam(asked, x.shape);
  const lengths = tf.backend_util.prepareSplitSize(x, numOrSizeSplits, axis);
  return along(heapOf(backend), x, axis, lengths);
}

/** Parts of the lengths given, one after another along an axis. */
function along(heap: Heap, x: tf.TensorInfo, axis: number, lengths: readonly number[]): tf.TensorInfo[] {
  let start = 0;
  return lengths.map((length) => {
    const begin = x.shape.map((_, other) => (other === axis ? start : 0));
    const size = x.shape.map((whole, other) => (other === axis ? length : whole));
    start += length;
    return part(heap, x, begin, size);
  });
}

function part(heap: Heap, x: tf.TensorInfo, begin: readonly number[], size: number[]): tf.TensorInfo {
  const made = heap.makeOutput(size, x.dtype);
  // Only now: memory that was taken for `made` may have moved the heap.
  copyBox(heap.typedArrayFromHeap(x), x.shape, heap.typedArrayFromHeap(made), begin, size);
  return made;
}

/** Numbers that are copied quicker one by one than by a call. */
const SHORT = 16;

/** Copies a box out of an array of the shape given. What lies side by side in both is copied at once. */
export function copyBox(
  from: Numbers,
  shape: readonly number[],
  to: Numbers,
  begin: readonly number[],
  size: readonly number[],
): void {
  if (to.length === 0) return;
  let axis = shape.length - 1;
  while (axis > 0 && size[axis] === shape[axis]) axis--;
  const strides = shape.map((_, own) => shape.slice(own + 1).reduce((product, length) => product * length, 1));
  const at = (own: number, index: number): number => ((begin[own] ?? 0) + index) * (strides[own] ?? 1);
  const run = (size[axis] ?? 1) * (strides[axis] ?? 1);
  for (let row = 0; row * run < to.length; row++) {
    let start = at(axis, 0);
    for (let own = axis - 1, rest = row; own >= 0; own--) {
      const length = size[own] ?? 1;
      start += at(own, rest % length);
      rest = Math.floor(rest / length);
    }
    if (run < SHORT) for (let i = 0; i < run; i++) to[row * run + i] = from[start + i] ?? 0;
    else to.set(from.subarray(start, start + run), row * run);
  }
}

function inputOf(inputs: Call["inputs"], name: string): tf.TensorInfo {
  const tensor = inputs[name];
  if (tensor === undefined) throw new TypeError(`a kernel is called with ${name}`);
  return tensor;
}

function heapOf(backend: unknown): Heap {
  if (!isHeap(backend)) throw new TypeError("a kernel for wasm is called by wasm's backend");
  return backend;
}

function isHeap(backend: unknown): backend is Heap {
  return typeof backend === "object" && backend !== null && "makeOutput" in backend && "typedArrayFromHeap" in backend;
}
