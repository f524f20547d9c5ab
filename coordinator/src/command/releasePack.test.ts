import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildRelease } from "@consilium/shared/release/build";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { verifyRelease } from "@consilium/shared/release/verify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { releaseFiles } from "../release/releaseFiles.ts";
import { packRelease } from "./releasePack.ts";

const scratch = mkdtempSync(join(tmpdir(), "consilium-pack-"));
const folder = join(scratch, "release");
const packed = join(scratch, "release.tar");
const release = buildRelease(inputs, lead);

beforeAll(async () => {
  for (const [path, content] of release) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  await packRelease(folder, packed);
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe("[REL10] release pack", () => {
  test.each([
    ["the folder", folder],
    ["the archive", packed],
  ])("%s verifies", (_, path) => {
    const { read, listing } = releaseFiles(path);
    expect([...listing].sort()).toEqual([...release.keys()].sort());
    expect(verifyRelease(read, listing, lead.publicKey).verified).toBe(true);
  });

  test("takes what the manifest names and nothing else, as the same bytes", async () => {
    writeFileSync(join(folder, "notes.txt"), "not signed");
    const again = join(scratch, "again.tar");
    await expect(packRelease(folder, again)).resolves.toMatchObject({ files: release.size });
    expect(readFileSync(again).equals(readFileSync(packed))).toBe(true);
  });

  test("refuses a folder that is no release or lacks a file, and never replaces a file", async () => {
    await expect(packRelease(scratch, join(scratch, "other.tar"))).rejects.toMatchObject({
      code: "release/no-manifest",
    });
    await expect(packRelease(folder, packed)).rejects.toMatchObject({ code: "release/tar-exists" });
    rmSync(join(folder, RELEASE_PATHS.onnx));
    await expect(packRelease(folder, join(scratch, "other.tar"))).rejects.toMatchObject({
      code: "release/file-missing",
    });
    expect(() => releaseFiles(join(scratch, "nowhere"))).toThrow("neither a folder nor an archive");
  });
});
