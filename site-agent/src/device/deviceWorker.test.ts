import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { enginesFolder } from "@consilium/engine/nativeEngine";
import { loadNetwork } from "@consilium/engine/network";
import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NATIVE_ENVIRONMENT } from "../engine/nativeEnvironment.ts";
import { type BuiltProgram, buildEngineProgram } from "../engine/program.test-support.ts";
import { BACKENDS, startExactly } from "../gradient/backends.test-support.ts";
import { clippedSum, sumLength } from "../gradient/clippedSum.ts";
import { ROUNDING } from "../gradient/layerCases.test-support.ts";
import { l2Norm } from "../gradient/oracle.test-support.ts";
import { SumBuffer } from "../gradient/sumBuffer.ts";
import {
  ADAPTIVE,
  batchOf,
  frozenOf,
  PRETRAINED,
  QUIET,
  ROWS,
  RULE,
  SPEC,
  shardedStudy,
  somePatients,
  sumOf,
} from "./workers.test-support.ts";
import { DeviceWorkers, type ShardedStudy } from "./workers.ts";

const PATIENTS = 60;
const patients = somePatients(1, PATIENTS);
let program: BuiltProgram;
let workers: DeviceWorkers | undefined;

beforeAll(async () => {
  program = await buildEngineProgram();
}, 60_000);
afterEach(() => workers?.stop());
afterAll(() => program.remove());

function start(backend: (typeof BACKENDS)[number], count: number): DeviceWorkers {
  const isWasm = backend === "wasm";
  const environment = {
    ...(isWasm ? {} : NATIVE_ENVIRONMENT),
    CONSILIUM_ENGINES: isWasm ? "none" : enginesFolder(process.env),
  };
  const places = Array.from({ length: count }, (_, worker) => ({
    device: `CPU ${worker}`,
    environment,
    backend: isWasm ? ("wasm" as const) : ("tensorflow" as const),
  }));
  workers = new DeviceWorkers({ program: program.deviceWorker, logger: QUIET, places });
  return workers;
}

function unsharded(
  { spec, frozen, parameters }: ShardedStudy,
  count: number,
  rule: ClipRule,
  clipRounding = ROUNDING,
): Float64Array {
  const network = loadNetwork(spec, parameters, frozen.numbers);
  try {
    const buffer = new SumBuffer(sumLength(spec, rule));
    return Float64Array.from(
      clippedSum(network, patients, batchOf(count), { rule, clipRounding, rows: ROWS }, buffer).values,
    );
  } finally {
    network.dispose();
  }
}

describe.each(BACKENDS)("[ENG30] a step's shards add up to the sum of the whole batch, on %s", (backend) => {
  beforeAll(() => startExactly(backend));

  test.each([2, 3])("%i workers: within the bound of rounding, whatever the batch and the model", async (count) => {
    const shared = start(backend, count);
    for (const { revision, size, rule, spec } of [
      { revision: 1, size: PATIENTS, rule: RULE, spec: SPEC },
      { revision: 1, size: 1, rule: RULE, spec: SPEC },
      { revision: 2, size: PATIENTS, rule: RULE, spec: SPEC },
      { revision: 3, size: PATIENTS, rule: ADAPTIVE, spec: SPEC },
      { revision: 4, size: PATIENTS, rule: RULE, spec: PRETRAINED },
      { revision: 5, size: PATIENTS, rule: RULE, spec: PRETRAINED },
    ]) {
      const study = shardedStudy(patients, count, revision, rule, spec);
      const found = await sumOf(shared, study, size, rule);
      const expected = unsharded(study, size, rule);
      const difference = l2Norm(found.map((value, i) => value - (expected[i] ?? 0)));
      expect(l2Norm(expected)).toBeGreaterThan(0.1);
      expect(difference).toBeLessThan(RULE.clippingNorm * ROUNDING);
      expect(difference).toBeLessThan(1e-4 * l2Norm(expected));
    }
    expect(l2Norm(await sumOf(shared, shardedStudy(patients, count), 0))).toBe(0);
  });
});

describe.each(BACKENDS)("[ENG35] workers that started on %s compute a small study on WebAssembly", (backend) => {
  test("with the bits of workers that have nothing else", async () => {
    const found: string[] = [];
    for (const place of [backend, "wasm"] as const) {
      const both = start(place, 2);
      const study = shardedStudy(patients, 2, 1, RULE, SPEC, "wasm");
      found.push((await sumOf(both, study, PATIENTS)).join());
      await both.stop();
    }
    expect(found[0]).toBe(found[1]);
  });
});

describe("[ENG36] a worker adds within the η of the study's grid", () => {
  test("with more room in one product, with hardly any in float64, to the bits of one process", async () => {
    await startExactly("wasm");
    const one = start("wasm", 1);
    const study = shardedStudy(patients, 1);
    const found: string[] = [];
    for (const clipRounding of [ROUNDING, 2 ** -11 + 2 ** -22]) {
      const sum = await sumOf(one, study, PATIENTS, RULE, clipRounding);
      expect(sum.join()).toBe(unsharded(study, PATIENTS, RULE, clipRounding).join());
      found.push(sum.join());
    }
    expect(found[0]).not.toBe(found[1]);
  });
});

describe("[ENG34] a worker computes with the frozen parameters that the study names", () => {
  test("others are refused, by ending; no sum comes of them", async () => {
    const one = start("wasm", 1);
    const study = shardedStudy(patients, 1, 1, RULE, PRETRAINED);
    const { numbers } = frozenOf(PRETRAINED);
    numbers[5] = 0.3;
    const altered = { ...study, frozen: { ...study.frozen, numbers } };
    await expect(sumOf(one, altered, PATIENTS)).rejects.toMatchObject({ code: "engine/workers-ended" });
    expect(l2Norm(await sumOf(one, study, PATIENTS))).toBeGreaterThan(0.1);
  });
});

describe("[ENG32] sums and records of a worker stay in memory", () => {
  test.skipIf(!existsSync("/proc/self/io"))("it writes to no file and has none open to write", async () => {
    const one = start("wasm", 1);
    for (let step = 0; step < 3; step++) await sumOf(one, shardedStudy(patients, 1, step), PATIENTS);
    const [first] = await one.status();
    const proc = `/proc/${first?.pid}`;
    expect(readFileSync(`${proc}/io`, "utf8")).toMatch(/^write_bytes: 0$/m);
    const writable = readdirSync(`${proc}/fd`).filter((fd) => {
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`${proc}/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8);
      const target = readlinkSync(`${proc}/fd/${fd}`);
      return (flags & 3) !== 0 && target.startsWith("/") && target !== "/dev/null";
    });
    expect(writable).toEqual([]);
  });
});
