import { useBackend } from "@consilium/engine/backend";
import { loadNetwork, type Network } from "@consilium/engine/network";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS, startExactly } from "../gradient/backends.test-support.ts";
import { clippedSum, sumLength } from "../gradient/clippedSum.ts";
import { ROUNDING } from "../gradient/layerCases.test-support.ts";
import { l2Norm } from "../gradient/oracle.test-support.ts";
import { SumBuffer } from "../gradient/sumBuffer.ts";
import { batchOf, ROWS, RULE, SPEC, shardedStudy, somePatients } from "./workers.test-support.ts";

const patients = somePatients(1, 60);
const { parameters } = shardedStudy(patients, 1);
const WASM = { name: "wasm", on: "wasm" } as const;
const NATIVE = { name: "tensorflow", on: "tensorflow" } as const;

function sumOf(network: Network): Float64Array {
  const buffer = new SumBuffer(sumLength(SPEC, RULE));
  return Float64Array.from(
    clippedSum(network, patients, batchOf(60), { rule: RULE, clipRounding: ROUNDING, rows: ROWS }, buffer).values,
  );
}

/** A native engine where one is installed, and WebAssembly in any case. */
describe.each(BACKENDS)("[ENG35] two studies' engines in one process that started on %s", (backend) => {
  beforeAll(() => startExactly(backend));

  test("each study's tensors stay with their own; sums agree within 1e-4; none is left over", async () => {
    const places = [backend === "wasm" ? WASM : NATIVE, WASM];
    const before = tf.memory().numTensors;
    const networks: Network[] = [];
    for (const { name, on } of places) {
      await useBackend(name);
      expect(tf.getBackend()).toBe(on);
      networks.push(loadNetwork(SPEC, parameters));
    }
    const sums: Float64Array[][] = [[], []];
    for (let turn = 0; turn < 6; turn++) {
      const place = turn % 2;
      const network = networks[place];
      await useBackend(places[place]?.name ?? "wasm");
      if (network !== undefined) sums[place]?.push(sumOf(network));
    }
    for (const own of sums) expect(own.map((sum) => sum.join())).toEqual(Array(3).fill(own[0]?.join()));
    const [first = new Float64Array(0), second = new Float64Array(0)] = sums.flatMap(([sum]) => sum ?? []);
    expect(l2Norm(first)).toBeGreaterThan(0.1);
    const apart = l2Norm(first.map((value, i) => value - (second[i] ?? 0)));
    expect(apart).toBeLessThan(1e-4 * l2Norm(first));
    // Of two engines that round alike to the last bit one would be the other.
    expect(apart === 0).toBe(backend === "wasm");
    // Under the other's turn too.
    for (const network of networks) network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
