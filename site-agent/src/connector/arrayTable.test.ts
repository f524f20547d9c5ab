import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, describe, expect, test } from "vitest";
import { descriptor, directoryEntry, endRecord, localHeader } from "../sanitizer/storedZip.ts";
import { openData } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-array-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

function npy(descr: string, shape: string, body: Uint8Array, order = "False"): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`.padEnd(117);
  const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, "latin1");
  start.writeUInt16LE(118, 8);
  return Buffer.concat([start, body]);
}

const floats = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const plain = npy("<f4", "2,", floats(7, Number.NaN));

let made = 0;
function archive(members: Readonly<Record<string, Uint8Array>>, checksumError = 0): string {
  const [parts, entries]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const [name, content] of Object.entries(members)) {
    const sum = crc32(content) ^ checksumError;
    const member = [localHeader(`${name}.npy`), content, descriptor(sum >>> 0, content.length)];
    entries.push(directoryEntry(`${name}.npy`, { sum: sum >>> 0, bytes: content.length, offset }));
    offset += member.reduce((bytes, { length }) => bytes + length, 0);
    parts.push(...member);
  }
  const directory = Buffer.concat(entries);
  made += 1;
  const path = join(folder, `a${made}.npz`);
  writeFileSync(path, Buffer.concat([...parts, directory, endRecord(entries.length, directory.length, offset)]));
  return path;
}

async function read(path: string, columns?: readonly string[]): Promise<readonly (readonly RawValue[])[]> {
  const connector = await openData(path);
  try {
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(columns ?? (await connector.columns()))) rows.push(...chunk);
    return rows;
  } finally {
    await connector.close();
  }
}

describe("an archive of arrays with the records along the first side", () => {
  const series = npy("<f4", "2, 3", floats(1, 2, 3, Number.NaN, Number.NaN, Number.NaN));
  const ids = npy("<i8", "2,", new Uint8Array(BigInt64Array.of(3n, 4n).buffer));
  const codes = npy("|S2", "2,", Buffer.from("ab\0\0"));

  test("columns of numbers and texts, and of arrays, in the order asked for", async () => {
    const path = archive({ series, age: plain, id: ids, code: codes });
    const first = { shape: [3], values: Float32Array.of(1, 2, 3) };
    expect(await read(path)).toEqual([
      [first, 7, 3, "ab"],
      [null, null, 4, null],
    ]);
    expect(await read(path, ["id", "series"])).toEqual([
      [3, first],
      [4, null],
    ]);
  });

  test.each([
    ["records of different numbers", { a: plain, b: npy("<f4", "3,", floats(1, 2, 3)) }, "needs-dataset-file"],
    ["no plain column", { series }, "needs-dataset-file"],
    ["no array", {}, "needs-dataset-file"],
    ["a number without a side", { a: plain, b: npy("<f4", "", floats(1)) }, "matrix-type"],
    ["arrays of texts", { a: plain, b: npy("|S1", "2, 1", Buffer.from("ab")) }, "matrix-type"],
    ["arrays column by column", { a: plain, b: npy("<f4", "2, 1", floats(1, 2), "True") }, "matrix-type"],
    ["an array cut short", { a: plain, b: npy("<f4", "2, 3", floats(1, 2, 3)) }, "matrix-truncated"],
    ["pickles", { a: plain, b: npy("|O", "2,", floats(1, 2, 3, 4)) }, "matrix-pickled"],
  ])("%s are refused", async (_, members, code) => {
    await expect(read(archive(members))).rejects.toMatchObject({ code: `data/${code}` });
  });

  test("another checksum than the bytes' is found", async () => {
    await expect(read(archive({ series, age: plain }, 1))).rejects.toMatchObject({ code: "data/unreadable" });
  });
});
