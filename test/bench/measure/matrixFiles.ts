/** Writes a matrix line by line, as large as it may be. */
import { closeSync, openSync, writeSync } from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";

/** A short cycle of numbers with three decimals, as expression values are written. */
const CYCLE = Float32Array.from({ length: 10_007 }, (_, i) => ((i * 7919) % 20_011) / 1000);
const TEXTS = Array.from(CYCLE, (value) => value.toFixed(3));

/** Returns the sum of what was written. */
export function writeMatrix(
  path: string,
  ending: "npy" | "npz" | "csv",
  [lines, width]: readonly [lines: number, width: number],
): number {
  const file = openSync(path, "w");
  try {
    if (ending === "csv") return writeCsv(file, lines, width);
    return ending === "npy" ? writeNpy(file, lines, width) : writeNpz(file, lines, width);
  } finally {
    closeSync(file);
  }
}

function start(line: number): number {
  return (line * 131) % CYCLE.length;
}

function valuesOf(line: number, width: number): Float32Array {
  return Float32Array.from({ length: width }, (_, i) => CYCLE[(start(line) + i) % CYCLE.length] ?? 0);
}

function sumOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function header(lines: number, width: number): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${lines}, ${width}), }`.padEnd(117);
  const bytes = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, "latin1");
  bytes.writeUInt16LE(118, 8);
  return bytes;
}

function writeNpy(file: number, lines: number, width: number): number {
  writeSync(file, header(lines, width));
  let sum = 0;
  for (let line = 0; line < lines; line++) {
    const values = valuesOf(line, width);
    sum += sumOf(values);
    writeSync(file, new Uint8Array(values.buffer));
  }
  return sum;
}

/** One deflated member of an archive. */
function writeNpz(file: number, lines: number, width: number): number {
  const content = Buffer.alloc(128 + 4 * lines * width);
  header(lines, width).copy(content);
  let sum = 0;
  for (let line = 0; line < lines; line++) {
    const values = valuesOf(line, width);
    sum += sumOf(values);
    content.set(new Uint8Array(values.buffer), 128 + 4 * width * line);
  }
  const packed = deflateRawSync(content, { level: 1 });
  const name = Buffer.from("X.npy");
  const [local, entry, end] = [Buffer.alloc(30), Buffer.alloc(46), Buffer.alloc(22)];
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(crc32(content), 14);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(content.length, 22);
  local.writeUInt16LE(name.length, 26);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(crc32(content), 16);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length + name.length, 12);
  end.writeUInt32LE(local.length + name.length + packed.length, 16);
  for (const part of [local, name, packed, entry, name, end]) writeSync(file, part);
  return sum;
}

function writeCsv(file: number, lines: number, width: number): number {
  writeSync(file, `,${Array.from({ length: width }, (_, i) => `x${i}`).join(",")}\n`);
  let sum = 0;
  for (let line = 0; line < lines; line++) {
    const cells = Array.from({ length: width }, (_, i) => TEXTS[(start(line) + i) % CYCLE.length]);
    sum += sumOf(valuesOf(line, width));
    writeSync(file, `y${line},${cells.join(",")}\n`);
  }
  return sum;
}
