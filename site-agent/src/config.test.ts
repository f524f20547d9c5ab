import { signerOf } from "@consilium/shared/signing/ed25519";
import { SiteName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { configText, parseConfig, SiteConfig } from "./config.ts";

const key = signerOf(new Uint8Array(32).fill(1)).publicKey;
const config = SiteConfig.parse({
  apiVersion: "consilium/v1",
  kind: "Site",
  name: SiteName.parse("st-anna"),
  coordinator: { url: "https://consortium.example:8443", key },
  allow: { minNoiseMultiplier: 0.8 },
});

describe("site.yaml", () => {
  test("what join writes is what start reads", () => {
    expect(parseConfig(configText(config), "site.yaml", {})).toEqual(config);
  });

  test("an unknown key is an error with its place and the nearest known key", () => {
    const text = configText(config).replace("minNoiseMultiplier", "minNoiseMultipler");
    expect(() => parseConfig(text, "site.yaml", {})).toThrow(
      /site\.yaml:\d+:\d+ allow\.minNoiseMultipler: is not a key known here\. Did you mean 'minNoiseMultiplier'\?/,
    );
  });

  test("a value out of range names its key", () => {
    const text = configText(config).replace("0.8", "-1");
    expect(() => parseConfig(text, "site.yaml", {})).toThrow(/site\.yaml:\d+:\d+ allow\.minNoiseMultiplier/);
  });

  test("the environment overrides, and can't add an unknown key in silence", () => {
    const environment = {
      CONSILIUM_TELEMETRY__LOGS__LEVEL: "warn",
      CONSILIUM_ALLOW__MIN_NOISE_MULTIPLIER: "3",
      PATH: "/bin",
    };
    const read = parseConfig(configText(config), "site.yaml", environment);
    expect(read.telemetry.logs.level).toBe("warn");
    expect(read.allow.minNoiseMultiplier).toBe(3);
    expect(() => parseConfig(configText(config), "site.yaml", { CONSILIUM_ALLOW__MODEL: "x" })).toThrow(/models/);
  });

  test.each([
    ["workers: auto", "workers: -1", "engine.workers"],
    ["workers: auto", "workers: many", "engine.workers"],
    ["memoryMiB: 1024", "memoryMiB: 100", "engine.memoryMiB"],
    ["backend: auto", "backend: gpu", "engine.backend"],
    ["workers: auto", "worker: 2", "engine.worker: is not a key known here. Did you mean 'workers'?"],
  ])("engine settings with, for `%s`, `%s` are refused by their key", (line, other, named) => {
    const text = configText(config).replace(line, other);
    expect(() => parseConfig(text, "site.yaml", {})).toThrow(named);
  });

  test("a site without engine settings has the defaults; the environment overrides them too", () => {
    const text = configText(config).replace(/engine:\n( .*\n)+/, "");
    expect(text).not.toContain("engine:");
    expect(parseConfig(text, "site.yaml", {}).engine).toEqual({ workers: "auto", backend: "auto", memoryMiB: 1024 });
    const environment = {
      CONSILIUM_ENGINE__WORKERS: "3",
      CONSILIUM_ENGINE__BACKEND: "wasm",
      CONSILIUM_ENGINE__MEMORY_MI_B: "512",
    };
    const { engine } = parseConfig(text, "site.yaml", environment);
    expect(engine).toEqual({ workers: 3, backend: "wasm", memoryMiB: 512 });
  });

  test("broken YAML is a config failure", () => {
    expect(() => parseConfig("a: [1", "site.yaml", {})).toThrow(expect.objectContaining({ code: "config/invalid" }));
  });
});
