import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeWhole } from "./sanitizeFile.ts";

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
