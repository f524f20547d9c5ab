/**
 * Prepared patients as one file: read by the engine process, written once. Layout, little-endian: 8 bytes of magic with
 * the version, three uint32 (features, records, patients), 4 zero bytes, then features (float32), labels, record
 * starts (int32), parts (uint8), and last the SHA-256 of everything before. Only its owner may read it (mode 0600).
 * Sanitized patients' files have a magic of their own: neither is ever taken for the other.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { endianness } from "node:os";
import { dirname } from "node:path";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { asSanitized, PART_CODE, type PreparedPatients, type PreparedSanitized } from "./preparedPatients.ts";

const MAGIC = { prepared: Buffer.from("CONSPP01", "ascii"), sanitized: Buffer.from("CONSSP01", "ascii") } as const;
type Kind = keyof typeof MAGIC;
const MAGIC_BYTES = 8;
const HEADER_BYTES = 24;
const DIGEST_BYTES = 32;
/** One read or write call; Node refuses more than 2 GiB at once. */
const SLICE_BYTES = 64 * 1024 * 1024;

/** Writes the file so that a crash leaves the old one or the new one whole: temporary name, fsync, rename, fsync. */
export function writePrepared(path: string, patients: PreparedPatients): void {
  writeOfKind(path, patients, "prepared");
}

/** The same of sanitized ones. */
export function writeSanitized(path: string, patients: PreparedSanitized): void {
  writeOfKind(path, patients, "sanitized");
}

function writeOfKind(path: string, patients: PreparedPatients, kind: Kind): void {
  assert(endianness() === "LE", "prepared files are little-endian, as every supported machine is");
  assertWhole(patients);
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, "wx", 0o600);
  try {
    writeAll(file, patients, kind);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}

/** Throws a Failure for anything but a whole, unaltered file of this version. */
export function readPrepared(path: string): PreparedPatients {
  return readOfKind(path, "prepared");
}

/** The same of sanitized ones: no other file is taken for them. */
export function readSanitized(path: string): PreparedSanitized {
  return asSanitized(readOfKind(path, "sanitized"));
}

function readOfKind(path: string, kind: Kind): PreparedPatients {
  const file = open(path);
  try {
    return readAll(file, kind);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, patients: PreparedPatients, kind: Kind): void {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC[kind].copy(header);
  header.writeUInt32LE(patients.featureCount, 8);
  header.writeUInt32LE(patients.labels.length, 12);
  header.writeUInt32LE(patients.parts.length, 16);
  const hash = createHash("sha256");
  for (const part of [header, ...columnsOf(patients).map(bytesOf)]) writeHashed(file, part, hash);
  writeSync(file, hash.digest());
}

function readAll(file: number, kind: Kind): PreparedPatients {
  const { size } = fstatSync(file);
  const header = Buffer.alloc(HEADER_BYTES);
  if (size < HEADER_BYTES + DIGEST_BYTES || readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) throw damaged();
  if (!header.subarray(0, MAGIC_BYTES).equals(MAGIC[kind])) throw damaged();
  const featureCount = header.readUInt32LE(8);
  const records = header.readUInt32LE(12);
  const patients = header.readUInt32LE(16);
  const bytes = 4 * (records * featureCount + records + patients + 1) + patients;
  if (size !== HEADER_BYTES + bytes + DIGEST_BYTES) throw damaged();
  const prepared = {
    featureCount,
    features: new Float32Array(records * featureCount),
    labels: new Int32Array(records),
    recordStart: new Int32Array(patients + 1),
    parts: new Uint8Array(patients),
  };
  const hash = createHash("sha256").update(header);
  let position = HEADER_BYTES;
  for (const part of columnsOf(prepared).map(bytesOf)) position = readHashed(file, part, position, hash);
  const digest = Buffer.alloc(DIGEST_BYTES);
  readSync(file, digest, 0, DIGEST_BYTES, position);
  if (!digest.equals(hash.digest())) throw damaged();
  assertWhole(prepared);
  return prepared;
}

function columnsOf(patients: PreparedPatients): readonly (Float32Array | Int32Array | Uint8Array)[] {
  return [patients.features, patients.labels, patients.recordStart, patients.parts];
}

function bytesOf(values: Float32Array | Int32Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function writeHashed(file: number, bytes: Uint8Array, hash: Hash): void {
  for (let start = 0; start < bytes.length; ) {
    const slice = bytes.subarray(start, start + SLICE_BYTES);
    const written = writeSync(file, slice);
    hash.update(slice.subarray(0, written));
    start += written;
  }
}

function readHashed(file: number, bytes: Uint8Array, position: number, hash: Hash): number {
  for (let start = 0; start < bytes.length; ) {
    const slice = bytes.subarray(start, start + SLICE_BYTES);
    const read = readSync(file, slice, 0, slice.length, position + start);
    if (read === 0) throw damaged();
    hash.update(slice.subarray(0, read));
    start += read;
  }
  return position + bytes.length;
}

/** Every array has the length that the others imply, and each patient has a record. */
function assertWhole(patients: PreparedPatients): void {
  const { featureCount, features, labels, recordStart, parts } = patients;
  assert(featureCount > 0 && features.length === labels.length * featureCount, "each record has every feature");
  assert(recordStart.length === parts.length + 1 && recordStart[0] === 0, "each patient has its records' start");
  assert(recordStart[parts.length] === labels.length, "the last patient's records end where the records do");
  assert(
    parts.every(
      (part, patient) => part <= PART_CODE.reference && (recordStart[patient] ?? 0) < (recordStart[patient + 1] ?? 0),
    ),
    "each patient has records and a part",
  );
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new Failure({
      code: "data/prepared-file-missing",
      kind: "config",
      what: "The prepared data of this study can't be opened.",
      remedy: "Prepare it again: approve the study, or run consilium-site study check.",
      cause,
    });
  }
}

function damaged(): Failure {
  return new Failure({
    code: "data/prepared-file-damaged",
    kind: "config",
    what: "The prepared data of this study are not as they were written: another version, cut short or altered.",
    remedy: "Delete the file and prepare the data again; then check the disk.",
  });
}
