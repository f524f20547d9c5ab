import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { failed, inputs, lead } from "../../../test/support/releaseFixture.ts";
import { Failure } from "../failure/failure.ts";
import { buildRelease } from "./build.ts";
import { readTar, writeTar } from "./tar.ts";

const release = buildRelease(inputs, lead);
const archive = writeTar(release);
const folder = mkdtempSync(join(tmpdir(), "consilium-tar-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The archive's first header with another field, its sum made right again. */
function withField(offset: number, value: string): Uint8Array {
  const altered = archive.slice();
  altered.fill(0, offset, offset + (offset === 0 ? 100 : 1));
  altered.set(Buffer.from(value), offset);
  altered.fill(0x20, 148, 156);
  const sum = altered.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  altered.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return altered;
}

function refusal(bytes: Uint8Array): string {
  try {
    readTar(bytes);
  } catch (error) {
    if (error instanceof Failure && error.code === "release/tar-refused") return error.message;
    throw error;
  }
  return "read";
}

describe("[REL10] a release as one archive", () => {
  test("holds the same files, verifies, and is the same bytes in whatever order they came", () => {
    const files = readTar(archive);
    expect([...files].map(([path]) => path)).toEqual([...release.keys()].sort());
    expect(failed(files)).toEqual([]);
    expect(writeTar(new Map([...release].reverse()))).toEqual(archive);
  });

  test("is unpacked by another program to the same files", () => {
    const path = join(folder, "release.tar");
    writeFileSync(path, archive);
    execFileSync("tar", ["-xf", path, "-C", folder]);
    for (const [name, content] of release) expect(readFileSync(join(folder, name)).equals(content)).toBe(true);
  });

  test.each([
    ["a link", withField(156, "2"), "as something else than a file"],
    ["a folder's device", withField(156, "5"), "as something else than a file"],
    ["a path upwards", withField(0, "../AUDIT.md"), "outside of its folder"],
    ["a path upwards within", withField(0, "model/../../AUDIT.md"), "outside of its folder"],
    ["an absolute path", withField(0, "/AUDIT.md"), "outside of its folder"],
    ["a path of another system", withField(0, "model\\AUDIT.md"), "outside of its folder"],
    ["one file twice", new Uint8Array(Buffer.concat([archive.subarray(0, -1024), archive])), "twice"],
    ["other order", withField(0, "zzz"), "packed by something else"],
    ["nothing", new Uint8Array(1024), "packed by something else"],
    ["no archive", new TextEncoder().encode("release".repeat(200)), "as something else than a file"],
    ["an end cut off", archive.subarray(0, -512), "cut short"],
    ["a file cut off", archive.subarray(0, 600), "cut short within"],
    ["something behind", new Uint8Array([...archive, ...new Uint8Array(512)]), "packed by something else"],
  ])("with %s is refused", (_, bytes, why) => {
    expect(refusal(bytes)).toContain(why);
  });

  test("with any one bit altered is refused, or does not verify", () => {
    for (let position = 0; position < archive.length; position += 97) {
      const altered = archive.slice();
      altered[position] = (altered[position] ?? 0) ^ (1 << (position % 8));
      if (refusal(altered) === "read" && failed(readTar(altered)).length === 0) expect.fail(`byte ${position}`);
    }
  });
});
