import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readPrepared, writePrepared } from "./preparedFile.ts";
import type { PreparedPatients } from "./preparedPatients.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-prepared-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "study.patients");

const patients: PreparedPatients = {
  featureCount: 2,
  features: Float32Array.of(1, -1, 0.5, 0.25, Math.fround(1 / 3), 0),
  labels: Int32Array.of(0, 1, 1),
  recordStart: Int32Array.of(0, 2, 3),
  parts: Uint8Array.of(0, 2),
};

describe("[DAT7] prepared patients are written whole, for their owner alone, and read back only unaltered", () => {
  test("reads what was written; no temporary file stays", () => {
    writePrepared(path, patients);
    writePrepared(path, patients);
    expect(readPrepared(path)).toEqual(patients);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["study.patients"]);
  });

  test("one altered byte anywhere is refused", () => {
    writePrepared(path, patients);
    const whole = readFileSync(path);
    const altered = join(folder, "altered");
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const bytes = Uint8Array.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ difference;
        writeFileSync(altered, bytes);
        expect(() => readPrepared(altered)).toThrow("not as they were written");
      }),
    );
  });

  test("a file cut short, with bytes appended, empty, or not there", () => {
    writePrepared(path, patients);
    const whole = readFileSync(path);
    for (const size of [0, 10, 24, whole.length - 1]) {
      writePrepared(path, patients);
      truncateSync(path, size);
      expect(() => readPrepared(path)).toThrow("not as they were written");
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(4)]));
    expect(() => readPrepared(path)).toThrow("not as they were written");
    expect(() => readPrepared(join(folder, "none"))).toThrow("can't be opened");
  });

  test("arrays that disagree are never written", () => {
    expect(() => writePrepared(path, { ...patients, labels: Int32Array.of(0) })).toThrow("Broken invariant");
    expect(() => writePrepared(path, { ...patients, parts: Uint8Array.of(0, 6) })).toThrow("Broken invariant");
    expect(() => writePrepared(path, { ...patients, recordStart: Int32Array.of(0, 0, 3) })).toThrow("Broken invariant");
  });
});
