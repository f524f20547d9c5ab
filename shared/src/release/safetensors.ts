import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { Failure } from "../failure/failure.ts";

/** A named array of float32 numbers. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafetensorsFile {
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA_KEY = "__metadata__";
const LENGTH_BYTES = 8;
/** The header ends on a multiple of this, padded with spaces, so that data can be mapped in place. */
const ALIGNMENT = 8;
/** As in the reference reader. */
const HEADER_BYTES_MAX = 100_000_000;
const FLOAT32_BYTES = 4;

const index = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const TensorEntry = z.strictObject({
  dtype: z.literal("F32"),
  shape: z.array(index).max(16),
  data_offsets: z.tuple([index, index]),
});
const Metadata = z.record(z.string(), z.string());

/**
 * Tensors as one safetensors file (format of huggingface/safetensors 0.4): 8-byte length, JSON header, raw
 * little-endian numbers in the order given. The same input gives the same bytes. Throws on a shape that doesn't hold
 * its values, and
 * on names that repeat.
 */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array {
  let offset = 0;
  const entries = tensors.map(({ name, shape, values }): [string, z.infer<typeof TensorEntry>] => {
    if (sizeOf(shape) !== values.length || name === METADATA_KEY) throw malformed(`tensor ${name} is not of its shape`);
    const start = offset;
    offset += values.length * FLOAT32_BYTES;
    return [name, { dtype: "F32", shape: [...shape], data_offsets: [start, offset] }];
  });
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw malformed("a tensor's name repeats");
  const header = headerBytes({ [METADATA_KEY]: { ...metadata }, ...Object.fromEntries(entries) });
  const file = new Uint8Array(LENGTH_BYTES + header.length + offset);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  file.set(header, LENGTH_BYTES);
  let position = LENGTH_BYTES + header.length;
  for (const { values } of tensors) {
    for (const value of values) {
      view.setFloat32(position, value, true);
      position += FLOAT32_BYTES;
    }
  }
  return file;
}

/**
 * Reads what `encodeSafetensors` writes and nothing else: refuses other number types, a header that isn't the canonical
 * one, tensors that overlap, leave gaps or lie out of range, and bytes left over. Never reads past its input.
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(file);
  const metadata = parseWith(Metadata, header[METADATA_KEY] ?? {}, "its metadata are not all text");
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA_KEY)
    .map(([name, value]) => ({
      name,
      entry: parseWith(TensorEntry, value, `tensor ${name} is not described as float32`),
    }))
    .sort(
      (a, b) => a.entry.data_offsets[0] - b.entry.data_offsets[0] || a.entry.data_offsets[1] - b.entry.data_offsets[1],
    );
  const view = new DataView(file.buffer, file.byteOffset + dataStart, file.byteLength - dataStart);
  let expected = 0;
  for (const { name, entry } of entries) {
    const [start, end] = entry.data_offsets;
    if (start !== expected) throw malformed(`tensor ${name} overlaps another or leaves a gap before it`);
    if (end - start !== sizeOf(entry.shape) * FLOAT32_BYTES) throw malformed(`tensor ${name} is not of its shape`);
    if (end > view.byteLength) throw malformed(`tensor ${name} lies beyond the end of the file`);
    expected = end;
  }
  if (expected !== view.byteLength) throw malformed("bytes are left over behind the last tensor");
  const tensors = entries.map(({ name, entry }) => {
    const [start, end] = entry.data_offsets;
    const values = new Float32Array((end - start) / FLOAT32_BYTES);
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(start + i * FLOAT32_BYTES, true);
    return { name, shape: entry.shape, values };
  });
  return { tensors, metadata };
}

function readHeader(file: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (file.byteLength < LENGTH_BYTES) throw malformed("it is shorter than its length field");
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > BigInt(Math.min(HEADER_BYTES_MAX, file.byteLength - LENGTH_BYTES))) {
    throw malformed("its header is longer than the file");
  }
  const dataStart = LENGTH_BYTES + Number(length);
  const bytes = file.subarray(LENGTH_BYTES, dataStart);
  const header = parseObject(bytes);
  const canonical = headerBytes(header);
  if (canonical.length !== bytes.length || canonical.some((byte, i) => byte !== bytes[i])) {
    throw malformed("its header is not in canonical form");
  }
  return { header, dataStart };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed("its header is no JSON", cause);
  }
  return parseWith(z.record(z.string(), z.unknown()), parsed, "its header is no JSON object");
}

function parseWith<Value>(schema: z.ZodType<Value>, value: unknown, why: string): Value {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw malformed(why, parsed.error);
  return parsed.data;
}

function headerBytes(header: Record<string, unknown>): Uint8Array {
  const bytes = new TextEncoder().encode(canonicalJson(header));
  const padded = new Uint8Array(Math.ceil((LENGTH_BYTES + bytes.length) / ALIGNMENT) * ALIGNMENT - LENGTH_BYTES).fill(
    0x20,
  );
  padded.set(bytes);
  return padded;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function malformed(why: string, cause?: unknown): Failure {
  return new Failure({
    code: "release/safetensors-malformed",
    kind: "refused",
    what: `The safetensors file can't be used: ${why}.`,
    remedy: "Get the release again from its publisher and verify it.",
    cause,
  });
}
