import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { placeLeft, writeWhole } from "./sanitizeFile.ts";

const root = mkdtempSync(join(tmpdir(), "consilium-sanitize-file-"));
afterAll(() => rmSync(root, { recursive: true }));

test("two runs with one --out: neither gives the other's file its name", () => {
  const out = join(root, "out.csv");
  const first = writeWhole(out, [Buffer.from("first\n")]);
  const second = writeWhole(out, [Buffer.from("other\n")]);
  expect(() => first.place()).toThrow(expect.objectContaining({ code: "file/taken" }));
  expect(existsSync(out)).toBe(false);
  second.place();
  expect(readFileSync(out, "utf8")).toBe("other\n");
  expect(() => second.place()).toThrow(expect.objectContaining({ code: "file/taken" }));
});

test("a file that somebody put there meanwhile is never replaced", () => {
  const out = join(root, "meanwhile.csv");
  const written = writeWhole(out, [Buffer.from("noised\n")]);
  writeFileSync(out, "somebody's\n");
  expect(() => written.place()).toThrow(expect.objectContaining({ code: "file/exists" }));
  expect(readFileSync(out, "utf8")).toBe("somebody's\n");
  rmSync(out);
  written.place();
  expect(readFileSync(out, "utf8")).toBe("noised\n");
});

test("a crash between a file's two names leaves one that is whole, and the next run takes the other away", async () => {
  const out = join(root, "crashed.csv");
  const { digest } = writeWhole(out, [Buffer.from("noised\n")]);
  linkSync(`${out}.partial`, out);
  expect(await placeLeft(out, new Set([digest]))).toBe(true);
  expect(readFileSync(out, "utf8")).toBe("noised\n");
  expect(readdirSync(root).filter((name) => name.startsWith("crashed"))).toEqual(["crashed.csv"]);
});
