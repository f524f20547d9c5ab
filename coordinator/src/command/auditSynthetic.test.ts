import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { registerAuditSynthetic } from "./auditSynthetic.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-audit-synthetic-"));
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  const rows = (shift: number): string[] =>
    Array.from({ length: 40 }, (_, i) => `${100 + ((i * 37 + shift) % 41)},${i % 2 ? "a" : "b"}`);
  for (const [name, shift] of [
    ["made", 1],
    ["ours", 2],
    ["others", 3],
  ] as const)
    writeFileSync(at(`${name}.csv`), ["sbp,arm", ...rows(shift)].join("\n"));
  writeFileSync(at("foreign.csv"), `x,y\n${"1,2\n".repeat(20)}`);
  writeFileSync(at("few.csv"), "sbp,arm\n120,a\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...flags: string[]): Promise<string> {
  const out: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => out.push(String(chunk)) > 0);
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const audit = new Command("audit").exitOverride();
  registerAuditSynthetic(audit);
  try {
    await audit.parseAsync(["synthetic", ...flags], { from: "user" });
  } finally {
    for (const spy of [stdout, stderr]) spy.mockRestore();
  }
  return out.join("");
}

const files = (made = "made.csv", ours = "ours.csv", others = "others.csv") => [
  ...["--synthetic", at(made), "--members", at(ours), "--non-members", at(others)],
];

describe("[SYN5] audit synthetic", () => {
  test("prints figures, as JSON too, and writes a page that only its owner may read", async () => {
    const text = await run(...files(), "--label", "arm", "--out", at("page.html"));
    expect(text).toContain("none of them an ε bound");
    expect(text).toContain("AUC by closest record");
    expect(statSync(at("page.html")).mode & 0o777).toBe(0o600);
    expect(readFileSync(at("page.html"), "utf8")).toContain("Exact figures of the records named below");
    const evaluation = JSON.parse(await run(...files(), "--json"));
    expect(evaluation).toMatchObject({
      counts: "exact",
      records: { synthetic: 40, members: 40, nonMembers: 40 },
      utility: null,
    });
  });

  test.each<[string, string[], string]>([
    ["a file that isn't there", files("none.csv"), "none.csv is not there"],
    ["a table of other columns", files("foreign.csv"), "shares no column"],
    ["too few records", files("few.csv"), "few.csv holds 1 records"],
    ["a label that no table has", [...files(), "--label", "sex"], "has no column sex"],
  ])("refuses %s and writes nothing", async (_what, flags, message) => {
    await expect(run(...flags, "--out", at("never.html"))).rejects.toThrow(message);
    expect(existsSync(at("never.html"))).toBe(false);
  });

  test("replaces no page", async () => {
    writeFileSync(at("there.html"), "mine");
    await expect(run(...files(), "--out", at("there.html"))).rejects.toMatchObject({ code: "file/exists" });
    expect(readFileSync(at("there.html"), "utf8")).toBe("mine");
  });
});
