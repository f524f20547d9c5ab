import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { InvalidStudy } from "@consilium/shared/study/resolve";
import { Command } from "commander";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { init, registerInit } from "./init.ts";
import { jsonSchemaOf, registerSchema } from "./schema.ts";
import { registerValidate, validate } from "./validate.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-study-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** Standard output of a command line. */
async function run(...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  const program = new Command("consilium").exitOverride();
  for (const register of [registerInit, registerValidate, registerSchema]) register(program);
  await program.parseAsync([...args], { from: "user" });
  return written.join("");
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  throw new Error("expected a Failure");
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error("expected an error");
}

describe("[STU29] what init writes is a valid study", () => {
  test("validates without a warning, with the σ that auto finds", async () => {
    const target = join(folder, "new", "study");
    expect(await run("init", target)).toContain(`Next: consilium validate ${join(target, "study.yaml")}`);
    const validation = validate(join(target, "study.yaml"));
    expect(validation.warnings).toEqual([]);
    expect(validation.noiseWasAuto).toBe(true);
    expect(validation.epsilon.train).toBeLessThanOrEqual(validation.cap);
    expect(JSON.parse(await run("validate", join(target, "study.yaml"), "--json"))).toEqual(validation);
    expect(await run("validate", join(target, "study.yaml"))).toContain("the least that fits (auto)");
  });

  test("a file that is no text is named as such; nothing of it reaches the terminal", () => {
    const path = join(folder, "model.bin");
    for (const bytes of [
      [0x7f, 0x45, 0x4c, 0x46, 0, 1],
      [0x50, 0xff, 0xfe, 0x4b],
      [0x61, 0x1b, 0x5b, 0x32, 0x4a],
    ]) {
      writeFileSync(path, Buffer.from(bytes));
      expect(() => validate(path)).toThrow(`${path}:1:1 is not a text file. Name the study file (YAML, UTF-8).`);
    }
    writeFileSync(path, `[*${"x".repeat(5000)}]`);
    expect(messageOf(() => validate(path)).length).toBeLessThan(path.length + 200);
  });

  test("files that are there stay as they are", () => {
    const target = join(folder, "kept");
    mkdirSync(target);
    writeFileSync(join(target, "schema.yaml"), "mine");
    expect(codeOf(() => init(target))).toBe("init/file-exists");
    expect(readFileSync(join(target, "schema.yaml"), "utf8")).toBe("mine");
    expect(codeOf(() => validate(join(target, "study.yaml")))).toBe("study/unreadable");
  });
});

describe("[STU23] validate tells every fault with its place", () => {
  test("and exits with the class of configuration", () => {
    const [path = ""] = init(join(folder, "faulty"));
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace("epsilon: 4", "epsilon: -3").replace("rounds: 100", "round: 100"),
    );
    try {
      validate(path);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof InvalidStudy)) throw error;
      expect(error.exitCode).toBe(3);
      expect(error.message.split("\n")).toEqual([
        `${path}:14:12 privacy.epsilon: must be > 0 (got -3). Typical: 1..8.`,
        `${path}:21:3 training.round: is not a key known here. Did you mean 'rounds'?`,
      ]);
    }
  });

  test("a schema reached by a link out of the study's folder is not read", () => {
    const [path = ""] = init(join(folder, "linked"));
    const outside = join(folder, "outside.yaml");
    writeFileSync(outside, readFileSync(join(folder, "linked", "schema.yaml")));
    rmSync(join(folder, "linked", "schema.yaml"));
    symlinkSync(outside, join(folder, "linked", "schema.yaml"));
    expect(() => validate(path)).toThrow(`"./schema.yaml" can't be read: it leads out of the study file's folder.`);
    rmSync(join(folder, "linked", "schema.yaml"));
    expect(() => validate(path)).toThrow(`"./schema.yaml" can't be read: there is no such file.`);
    mkdirSync(join(folder, "linked", "schema.yaml"));
    expect(() => validate(path)).toThrow(`"./schema.yaml" can't be read: it is a folder.`);
  });
});

describe("[STU25] schemas for editors", () => {
  test.each(["study", "data", "coordinator"])("%s", async (kind) => {
    const schema: unknown = JSON.parse(await run("schema", kind));
    expect(schema).toEqual(jsonSchemaOf(kind));
    expect(schema).toMatchObject({ type: "object", additionalProperties: false });
  });

  test("an unknown kind is a usage error", () => {
    expect(codeOf(() => jsonSchemaOf("toString"))).toBe("usage/unknown-schema");
  });
});
