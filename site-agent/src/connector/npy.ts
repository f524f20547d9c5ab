/** NumPy's array files (NEP 1, format 1.0 to 3.0): numbers and texts of every width and byte order; never pickles. */
import { unreadableData } from "./connector.ts";

export interface NpyHeader {
  readonly type: NpyType;
  /** Column by column, as Fortran keeps a matrix. */
  readonly isFortran: boolean;
  readonly shape: readonly number[];
  /** Of header and magic; the numbers follow. */
  readonly headerBytes: number;
}

export interface NpyType {
  readonly kind: "b" | "i" | "u" | "f" | "S" | "U";
  readonly bytes: number;
  readonly isBigEndian: boolean;
}

/** A header is a line of text; a structured type's may be longer than any that is read here. */
export const NPY_HEADER_BYTES_MAX = 64 * 1024;
const MAGIC = Buffer.from("\x93NUMPY", "latin1");
const NUMBER_BYTES: Readonly<Record<string, readonly number[]>> = {
  b: [1],
  i: [1, 2, 4, 8],
  u: [1, 2, 4, 8],
  f: [2, 4, 8],
};

/** Reads what stands before the numbers; `start` holds at least the header, or all of a file that is shorter. */
export function parseNpyHeader(start: Buffer): NpyHeader {
  if (start.length < 12 || !start.subarray(0, MAGIC.length).equals(MAGIC))
    throw broken("file-kind", "is no NumPy array", "Write it with numpy.save or numpy.savez.");
  const isLong = (start[6] ?? 0) >= 2;
  const textStart = isLong ? 12 : 10;
  const headerBytes = textStart + (isLong ? start.readUInt32LE(8) : start.readUInt16LE(8));
  if (headerBytes > NPY_HEADER_BYTES_MAX) throw broken("matrix-type", "has columns of several types", PLAIN);
  if (headerBytes > start.length) throw broken("matrix-truncated", "is cut short", "Copy it again.");
  const text = start.toString("latin1", textStart, headerBytes);
  const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (type === undefined || order === undefined || shape === undefined)
    throw broken("matrix-type", "has columns of several types", PLAIN);
  const sides = shape.split(",").flatMap((side) => (side.trim() === "" ? [] : [Number(side)]));
  if (!sides.every((side) => Number.isSafeInteger(side) && side >= 0))
    throw broken("matrix-shape", "states a shape that is none", "Write it again.");
  return { type: typeOf(type), isFortran: order === "True", shape: sides, headerBytes };
}

const PLAIN = "Save one plain array of numbers: array.astype('float32').";

function typeOf(descr: string): NpyType {
  const [, order, letter, digits] = /^([<>|=])([a-zA-Z])(\d*)$/.exec(descr) ?? [];
  if (letter === "O")
    throw broken("matrix-pickled", "holds pickled objects, which are programs and are never opened", PLAIN);
  const count = Number(digits);
  if (letter === "S" || letter === "U")
    return { kind: letter, bytes: letter === "U" ? 4 * count : count, isBigEndian: order === ">" };
  const kind = letter === "b" || letter === "i" || letter === "u" || letter === "f" ? letter : null;
  if (kind === null || NUMBER_BYTES[kind]?.includes(count) !== true)
    throw broken("matrix-type", `holds values of type ${descr.slice(0, 10)}, which is not read`, PLAIN);
  return { kind, bytes: count, isBigEndian: order === ">" };
}

/** Numbers of `count` elements as float64, in `out`; borrowed bytes are left as they are. */
export type NumberReader = (bytes: Uint8Array, count: number, out: Float64Array) => void;

/** 64-bit integers beyond 2⁵³ are rounded, as every number of a study is to 24 bits. */
export function numberReader({ kind, bytes, isBigEndian }: NpyType): NumberReader {
  let scratch = new ArrayBuffer(0);
  return (source, count, out) => {
    const length = count * bytes;
    if (scratch.byteLength < length) scratch = new ArrayBuffer(length);
    const copy = Buffer.from(scratch, 0, length);
    copy.set(source.subarray(0, length));
    if (isBigEndian && bytes === 2) copy.swap16();
    if (isBigEndian && bytes === 4) copy.swap32();
    if (isBigEndian && bytes === 8) copy.swap64();
    fill(out, view(kind, bytes, scratch, count));
  };
}

function fill(out: Float64Array, values: ArrayLike<number> | BigInt64Array | BigUint64Array): void {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) out[i] = Number(values[i]);
  } else {
    out.set(values);
  }
}

function view(
  kind: NpyType["kind"],
  bytes: number,
  buffer: ArrayBuffer,
  count: number,
): ArrayLike<number> | BigInt64Array | BigUint64Array {
  if (kind === "f") {
    if (bytes === 2) return Array.from(new Uint16Array(buffer, 0, count), halfFloat);
    return bytes === 4 ? new Float32Array(buffer, 0, count) : new Float64Array(buffer, 0, count);
  }
  if (kind === "i") {
    if (bytes === 8) return new BigInt64Array(buffer, 0, count);
    if (bytes === 4) return new Int32Array(buffer, 0, count);
    return bytes === 2 ? new Int16Array(buffer, 0, count) : new Int8Array(buffer, 0, count);
  }
  if (bytes === 8) return new BigUint64Array(buffer, 0, count);
  if (bytes === 4) return new Uint32Array(buffer, 0, count);
  return bytes === 2 ? new Uint16Array(buffer, 0, count) : new Uint8Array(buffer, 0, count);
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Names in an array of texts or whole numbers; `content` is a whole file. */
export function readNames(content: Buffer): readonly string[] {
  const { type, shape, headerBytes } = parseNpyHeader(content);
  const count = shape.reduce((product, side) => product * side, 1);
  const body = content.subarray(headerBytes);
  if (body.length !== count * type.bytes) throw broken("matrix-truncated", "is cut short", "Copy it again.");
  if (type.kind === "S" || type.kind === "U")
    return Array.from({ length: count }, (_, i) => textAt(body.subarray(i * type.bytes, (i + 1) * type.bytes), type));
  const numbers = new Float64Array(count);
  numberReader(type)(body, count, numbers);
  return Array.from(numbers, String);
}

/** Zeros fill a text to its width; `U` is UTF-32. */
function textAt(bytes: Buffer, { kind, isBigEndian }: NpyType): string {
  if (kind === "S") return bytes.toString("utf8").replace(/\0+$/, "");
  const points = Array.from({ length: bytes.length / 4 }, (_, i) =>
    isBigEndian ? bytes.readUInt32BE(4 * i) : bytes.readUInt32LE(4 * i),
  );
  if (points.some((point) => point > 0x10ffff)) throw broken("matrix-type", "holds texts that are none", PLAIN);
  return String.fromCodePoint(...points).replace(/\0+$/, "");
}

function broken(code: string, what: string, remedy: string): Error {
  return unreadableData(code, `The matrix's file ${what}.`, remedy);
}
