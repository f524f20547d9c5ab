import { z } from "zod";
import { Failure } from "../failure/failure.ts";

/** A tensor of somebody else's safetensors file, decoded when it is asked for. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** As float32, however it is stored; refuses number types that no weight has, and numbers that are not finite. */
  readonly values: () => Float32Array;
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
    expected = end;
  }
  if (expected !== data.byteLength) throw unreadable("its tensors don't fill it");
  return new Map(entries.map(([name, entry]) => [name, stored(name, entry, data)]));
}

function split(file: Uint8Array): { header: Record<string, unknown>; data: DataView } {
  if (file.byteLength < LENGTH_BYTES) throw unreadable("it is shorter than its length field");
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > BigInt(Math.min(HEADER_BYTES_MAX, file.byteLength - LENGTH_BYTES))) {
    throw unreadable("its header is longer than the file");
  }
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
  return {
    shape,
    values: () => {
      if (dtype !== "F64" && dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
        throw unreadable(`tensor ${name} holds ${dtype} numbers, which no weight has`);
      }
      const bytes = NUMBER_BYTES[dtype];
      const values = new Float32Array((end - start) / bytes);
      for (let i = 0; i < values.length; i++) values[i] = READ[dtype](data, start + i * bytes);
      if (!values.every(Number.isFinite)) throw unreadable(`tensor ${name} holds a number that is not finite`);
      return values;
    },
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

function unreadable(why: string, cause?: unknown): Failure {
  return new Failure({
    code: "model/weights-unreadable",
    kind: "refused",
    what: `The weights can't be read as safetensors: ${why}.`,
    remedy: "Save them again as safetensors in float32, float16 or bfloat16.",
    cause,
  });
}
