import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unzip } from "./zip.ts";

interface Content {
  readonly name: string;
  readonly text: string;
  readonly isPacked?: boolean;
  /** What the directory says that the file's size is. */
  readonly stated?: number;
}

/** An archive as APPNOTE.TXT 4.3.7 to 4.3.16 lays it out: local headers and data, directory, end record. */
function zipOf(contents: readonly Content[], comment = ""): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const { name, text, isPacked = true, stated } of contents) {
    const data = isPacked ? deflateRawSync(text) : Buffer.from(text);
    const extra = Buffer.from("extra field");
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(isPacked ? 8 : 0, 10);
    entry.writeUInt32LE(text === "" ? 0 : data.length, 20);
    entry.writeUInt32LE(stated ?? text.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    const whole = Buffer.concat([local, Buffer.from(name), extra, text === "" ? Buffer.alloc(0) : data]);
    locals.push(whole);
    entries.push(entry, Buffer.from(name));
    at += whole.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(contents.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, directory, end, Buffer.from(comment)]);
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-zip-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function unzipped(archive: Buffer): Promise<void> {
  await writeFile(join(folder, "archive.whl"), archive);
  await unzip(join(folder, "archive.whl"), (name) => (name.startsWith("wanted") ? join(folder, "out", name) : null));
}
const CONTENTS: readonly Content[] = [
  { name: "other/file", text: "not asked for" },
  { name: "wanted/packed", text: "packed ".repeat(40_000) },
  { name: "wanted/", text: "" },
  { name: "wanted/deep/stored", text: "stored", isPacked: false },
  { name: "wanted/empty", text: "" },
];

describe("files out of a wheel", () => {
  test.each(["", "a comment after the end record"])("only those that are asked for (comment %j)", async (comment) => {
    await unzipped(zipOf(CONTENTS, comment));
    expect(await readFile(join(folder, "out/wanted/packed"), "utf8")).toBe("packed ".repeat(40_000));
    expect(await readFile(join(folder, "out/wanted/deep/stored"), "utf8")).toBe("stored");
    expect(await readFile(join(folder, "out/wanted/empty"), "utf8")).toBe("");
    await expect(readFile(join(folder, "out/other/file"))).rejects.toThrow("ENOENT");
  });

  test.each([
    ["no archive at all", Buffer.from("not a zip".repeat(10)), "doesn't end as"],
    ["a file of another size than stated", zipOf([{ name: "wanted", text: "abc", stated: 4 }]), "not whole"],
    ["figures of 64 bits", zipOf([{ name: "wanted", text: "abc", stated: 0xffffffff }]), "too large"],
    ["its first part is missing", zipOf(CONTENTS).subarray(20), "broken|isn't where|cut short"],
  ])("%s is refused", async (_, archive, why) => {
    await expect(unzipped(archive)).rejects.toThrow(new RegExp(why));
  });
});
