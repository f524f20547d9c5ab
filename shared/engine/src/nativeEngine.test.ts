import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nativeInstalled, startBackend } from "./backend.ts";
import { enginesFolder, mayBeTrusted, type NativeRecord, readRecord, recordFile } from "./nativeEngine.ts";

const RECORD: NativeRecord = {
  format: 1,
  kind: "cpu",
  tensorflow: "2.21.0",
  binding: "4.22.0",
  sources: [{ name: "tensorflow-cpu==2.21.0", sha256: "0".repeat(64) }],
  selfTest: { errors: { matMul: 1e-7 }, usesGpu: false },
  installedAt: "2026-01-02T03:04:05.000Z",
};

let folder: string;
let engine: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "consilium-engines-"));
  engine = join(folder, "cpu");
  mkdirSync(join(engine, "lib"), { recursive: true, mode: 0o755 });
  writeFileSync(join(engine, "tfjs_binding.node"), "no library", { mode: 0o755 });
  for (const name of [".", "lib", "tfjs_binding.node"]) chmodSync(join(engine, name), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("where engines are looked for", () => {
  test.each([
    ["the folder that is named", { CONSILIUM_ENGINES: "/opt/engines", XDG_CACHE_HOME: "/cache" }, "/opt/engines"],
    ["the account's cache", { XDG_CACHE_HOME: "/cache" }, "/cache/consilium/engines"],
    ["a relative cache is none", { XDG_CACHE_HOME: "cache" }, join(homedir(), ".cache/consilium/engines")],
    ["an empty name is none", { CONSILIUM_ENGINES: "" }, join(homedir(), ".cache/consilium/engines")],
  ])("%s", (_, environment, expected) => expect(enginesFolder(environment)).toBe(expected));
});

describe("[ENG22] an engine without a record of its self-test doesn't exist", () => {
  test("it is no engine before, one after", () => {
    expect(readRecord(engine)).toBeNull();
    expect(nativeInstalled(folder)).toBe(false);
    writeFileSync(recordFile(engine), JSON.stringify(RECORD));
    expect(readRecord(engine)).toEqual(RECORD);
    expect(nativeInstalled(folder)).toBe(true);
  });

  test.each([
    ["half a file", JSON.stringify(RECORD).slice(0, 90)],
    ["another format", JSON.stringify({ ...RECORD, format: 2 })],
    ["another binding", JSON.stringify({ ...RECORD, binding: "4.21.0" })],
  ])("%s is no record", (_, text) => {
    writeFileSync(recordFile(engine), text);
    expect(readRecord(engine)).toBeNull();
  });
});

describe("[ENG23] an engine is loaded only where nobody else may change it", () => {
  test("as it is installed, it may be trusted", () => expect(mayBeTrusted(engine)).toBe(true));

  test.each([".", "lib", "tfjs_binding.node"])("not when others may write to %s", (name) => {
    chmodSync(join(engine, name), 0o775);
    expect(mayBeTrusted(engine)).toBe(false);
  });

  test("the ladder steps past it and says why; what can't be loaded ends nothing", async () => {
    writeFileSync(recordFile(engine), JSON.stringify(RECORD));
    const broken = await startBackend("tensorflow", folder);
    expect(broken).toMatchObject({ name: "wasm", notUsed: ["tensorflow-gpu: not asked for", expect.any(String)] });
    chmodSync(engine, 0o777);
    const { name, notUsed } = await startBackend("tensorflow", folder);
    expect(name).toBe("wasm");
    expect(notUsed[1]).toBe("tensorflow: other accounts may change the installed engine");
  });
});
