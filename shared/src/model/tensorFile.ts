import { z } from "zod";
import { Failure } from "../failure/failure.ts";

/** A tensor of somebody else's safetensors file, decoded when it is asked for. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** As float32, however it is stored; refuses number types that no weight has, and numbers that are not finite. */
  readonly values: () => Float32Array;
  /** Whether it holds weights' numbers, all finite: for one that isn't used, and is no fault then. */
  readonly isFinite: () => boolean;
}

const LENGTH_BYTES = 8;
/** As in the reference reader. */
const HEADER_BYTES_MAX = 100_000_000;

const NUMBER_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
const index = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const Entry = z.object({
  dtype: z.enum(["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]),
  shape: z.array(index).max(16),
  data_offsets: z.tuple([index, index]),
});
type Entry = z.infer<typeof Entry>;
const Header = z.record(z.string(), z.unknown());

/**
 * Tensors by name, of any writer of safetensors (huggingface/safetensors 0.4): header in any order, float32, half and
 * bfloat16 numbers. Refuses tensors that overlap, leave gaps or lie out of range. Never reads past its input.
 */
export function openTensorFile(file: Uint8Array): ReadonlyMap<string, StoredTensor> {
  const { header, data } = split(file);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]): [string, Entry] => {
      const parsed = Entry.safeParse(value);
      if (!parsed.success) throw unreadable(`tensor ${name} is described in a way that isn't known`, parsed.error);
      return [name, parsed.data];
    })
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let expected = 0;
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of entries) {
    if (start !== expected) throw unreadable(`tensor ${name} overlaps another or leaves a gap before it`);
    const size = shape.reduce((product, length) => product * length, 1);
    if (end - start !== size * NUMBER_BYTES[dtype]) throw unreadable(`tensor ${name} is not of its shape`);
    if (end > data.byteLength) throw cutOff(`tensor ${name}`, end - data.byteLength);
    expected = end;
  }
  if (expected !== data.byteLength) {
    throw unreadable(`${data.byteLength - expected} bytes follow its last tensor, which belong to none`);
  }
  return new Map(entries.map(([name, entry]) => [name, stored(name, entry, data)]));
}

function split(file: Uint8Array): { header: Record<string, unknown>; data: DataView } {
  if (file.byteLength < LENGTH_BYTES) throw unreadable("it is shorter than its length field");
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > BigInt(HEADER_BYTES_MAX))
    throw unreadable(`it doesn't begin with a header's length (it gives ${length})`);
  const missing = Number(length) - (file.byteLength - LENGTH_BYTES);
  if (missing > 0) throw cutOff("its header", missing);
  const dataStart = LENGTH_BYTES + Number(length);
  return {
    header: parseHeader(file.subarray(LENGTH_BYTES, dataStart)),
    data: new DataView(file.buffer, file.byteOffset + dataStart, file.byteLength - dataStart),
  };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  try {
    return Header.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw unreadable("its header is no JSON object", cause);
  }
}

function stored(name: string, { dtype, shape, data_offsets: [start, end] }: Entry, data: DataView): StoredTensor {
  const read = (): Float32Array | null => {
    if (dtype !== "F64" && dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") return null;
    const bytes = NUMBER_BYTES[dtype];
    const values = new Float32Array((end - start) / bytes);
    for (let i = 0; i < values.length; i++) values[i] = READ[dtype](data, start + i * bytes);
    return values;
  };
  return {
    shape,
    values: () => {
      const values = read();
      if (values === null) throw unreadable(`tensor ${name} holds ${dtype} numbers, which no weight has`);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw notFinite(name, values, bad);
      return values;
    },
    isFinite: () => read()?.every(Number.isFinite) === true,
  };
}

const word = new DataView(new ArrayBuffer(4));

const READ = {
  F64: (data: DataView, at: number) => data.getFloat64(at, true),
  F32: (data: DataView, at: number) => data.getFloat32(at, true),
  F16: (data: DataView, at: number) => halfOf(data.getUint16(at, true)),
  /** The upper half of a float32. */
  BF16: (data: DataView, at: number) => {
    word.setUint32(0, data.getUint16(at, true) << 16);
    return word.getFloat32(0);
  },
} as const;

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. Exact: every half is a float32. */
export function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The commonest fault of a large file: a copy or download that ended too soon. */
function cutOff(what: string, missing: number): Failure {
  return new Failure({
    code: "model/weights-cut-off",
    kind: "refused",
    what: `The weights can't be read: the file ends too soon, ${missing} bytes before the end of ${what}.`,
    remedy: "Copy or download it again, and compare its size and SHA-256 with where it comes from.",
  });
}

function notFinite(name: string, values: Float32Array, index: number): Failure {
  const count = values.filter((value) => !Number.isFinite(value)).length;
  const countText = count === 1 ? "a number that is not" : `${count} numbers that are not`;
  return new Failure({
    code: "model/weights-not-finite",
    kind: "refused",
    what: `Tensor ${name} of the weights holds ${countText} finite as float32, first ${values[index]} at index ${index}.`,
    remedy: "Take the file of a training run that went well: from weights that are not finite no gradient is finite.",
  });
}

function unreadable(why: string, cause?: unknown): Failure {
  return new Failure({
    code: "model/weights-unreadable",
    kind: "refused",
    what: `The weights can't be read as safetensors: ${why}.`,
    remedy: "Save them again as safetensors in float32, float16 or bfloat16.",
    cause,
  });
}
