import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { CONFIG_FILE, isLoopback, newConfig, readConfig } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(text: string): string {
  writeFileSync(join(folder, CONFIG_FILE), text);
  return folder;
}

describe("the coordinator's configuration", () => {
  test("a new one is read as it was written", () => {
    const config = newConfig("north", "127.0.0.1", 0, 8080);
    expect(readConfig(written(stringify(config)), {})).toEqual(config);
  });

  test("the environment wins over the file", () => {
    const data = written(stringify(newConfig("north", "127.0.0.1", 0, 0)));
    const environment = { CONSILIUM_COORDINATOR__LISTEN__PEOPLE__PORT: "9000", CONSILIUM_COORDINATOR__GATHER_MS: "7" };
    expect(readConfig(data, environment)).toMatchObject({ gatherMs: 7, listen: { people: { port: 9000 } } });
  });

  test.each([
    ["a wrong value, by line and field", "listen:\n  agents: {host: a, port: 70000}\n", /coordinator\.yaml/],
    [
      "an unknown key",
      stringify({ ...newConfig("north", "a", 0, 0), colour: "red" }),
      /colour: is not a key known here/,
    ],
    [
      "a misspelt key, with the right one",
      stringify({ ...newConfig("north", "a", 0, 0), weightsMib: 5 }),
      /coordinator\.yaml:\d+:1 weightsMib: is not a key known here\. Did you mean 'weightsMiB'\?/,
    ],
    [
      "a room of nothing",
      stringify({ ...newConfig("north", "a", 0, 0), weightsMiB: 0 }),
      /coordinator\.yaml:\d+:13 weightsMiB: must be ≥ 1 \(got 0\)/,
    ],
    ["broken YAML", "listen: [\n", /coordinator\.yaml:\d+:\d+/],
  ])("refuses %s", (_what, text, message) => {
    expect(() => readConfig(written(text), {})).toThrow(message);
  });

  test("plain HTTP is for addresses that can't leave the machine", () => {
    expect(["localhost", "127.0.0.1", "127.8.8.8", "::1"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "192.0.2.1", "127.example.org", "::"].some(isLoopback)).toBe(false);
  });
});
