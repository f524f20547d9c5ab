import type { ModelChoice } from "@consilium/shared/model/choice";
import { modelSpecOf } from "@consilium/shared/model/preset";
import type { ModelSpec } from "@consilium/shared/model/spec";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import { physicalRows, rowsMax } from "./physicalRows.ts";

const image = (choice: Extract<ModelChoice, { preset: "cnn" | "resnet18" }>): ModelSpec => {
  const [height, width, channels] = choice.input;
  return modelSpecOf(choice, height * width * channels, 10);
};
const SPECS = {
  logistic: modelSpecOf({ preset: "logistic" }, 21, 2),
  wide: modelSpecOf({ preset: "deeptype", hidden: [1024, 512], clusters: 6, clusterWeight: 0.1 }, 20_000, 6),
  cnn: image({ preset: "cnn", input: [28, 28, 1] }),
  resnet64: image({ preset: "resnet18", input: [64, 64, 3] }),
  resnet224: image({ preset: "resnet18", input: [224, 224, 3] }),
};

describe.each(BACKENDS)("[ENG6] on %s a physical batch", (backend) => {
  beforeAll(() => startExactly(backend));

  test("has a row at least, never more than memory allows, and on wasm whole groups of 16", () => {
    const spec = fc.constantFrom(...Object.values(SPECS));
    fc.assert(
      fc.property(
        spec,
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: -1, max: 2 ** 31 }),
        (own, batch, bytes) => {
          const rows = physicalRows(own, batch, bytes);
          expect(rows).toBeGreaterThanOrEqual(1);
          expect(rows).toBeLessThanOrEqual(rowsMax(own, bytes));
          expect(Number.isInteger(rows)).toBe(true);
          if (backend === "wasm") expect(rows % 16).toBe(0);
        },
      ),
    );
  });

  test("is the whole step where a batch costs more than its records, with room for most steps", () => {
    expect(physicalRows(SPECS.logistic, 64)).toBe(80);
    expect(physicalRows(SPECS.wide, 64)).toBe(80);
    expect(physicalRows(SPECS.cnn, 256)).toBe(288);
  });
});

describe.runIf(BACKENDS.includes("native"))("a physical batch of libtensorflow's processor", () => {
  beforeAll(() => startExactly("native"));

  test("is smaller the more a record takes, so that few of its rows are filled up", () => {
    expect(physicalRows(SPECS.resnet64, 64)).toBe(80);
    expect(physicalRows(SPECS.resnet64, 512)).toBe(112);
    expect(physicalRows(SPECS.resnet224, 16)).toBe(8);
    expect(physicalRows(SPECS.resnet224, 16, 2 ** 28)).toBeLessThan(8);
  });
});
