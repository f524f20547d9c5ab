import { packedBytes, unpackInto } from "@consilium/shared/contribution/pack";
import { beforeAll, describe, expect, test } from "vitest";
import { startExactly } from "../gradient/backends.test-support.ts";
import { ruleOf } from "../gradient/layerCases.test-support.ts";
import {
  type Broken,
  bookedFor,
  CLIPPING_NORM,
  deviceOf,
  dimension,
  fixed,
  grid,
  measure,
  noiseOf,
  OTHERS,
  samplingRate,
  withOne,
} from "./distinguishing.test-support.ts";
import { privateStep } from "./privateStep.ts";

describe("[ACC35] neighbours are told apart no better by a site's whole step than its booked ε allows", () => {
  beforeAll(() => startExactly("wasm"));

  test("with and without the worst patient: the proven ε is above nothing and below the booked one", async () => {
    const { epsilon, event } = await measure();
    const { cap, least } = bookedFor(event);
    expect(event).toMatchObject({ samplingRate: 0.25, noiseMultiplier: 0.7, count: 1 });
    expect(epsilon).toBeLessThanOrEqual(least);
    expect(least).toBeLessThanOrEqual(cap);
    expect(epsilon).toBeGreaterThan(0.2 * least);
  });

  test.each<[string, Broken]>([
    ["half of the noise", { noiseScale: 0.5 }],
    ["gradients clipped to four times the norm", { clippedTo: 4 * CLIPPING_NORM, stated: CLIPPING_NORM }],
    ["no sample drawn: another rate than is booked", { joined: (_, all) => all }],
    ["no noise to speak of", { noiseScale: 0.01 }],
    ["one patient taken for three", { split: 3 }],
  ])("a step that is broken is caught: %s", async (_, broken) => {
    const { epsilon, event } = await measure(broken);
    expect(epsilon).toBeGreaterThan(bookedFor(event).least);
  });

  test("among others who pull the other way it is below the booked one too, unless a place is taken from somebody", async () => {
    const sound = await measure({}, { isCrowded: true });
    expect(sound.epsilon).toBeLessThanOrEqual(bookedFor(sound.event).least);
    // A batch of fixed size, dealt from a shuffled deck, and booked as a Poisson sample of the same rate.
    let turn = 0;
    const dealt = await measure(
      { joined: (_, all) => all.slice(turn++ % all.length).slice(0, 1) },
      { isCrowded: true },
    );
    expect(dealt.epsilon).toBeGreaterThan(bookedFor(dealt.event).least);
  });

  test("two rounds cost two events; noise that is used twice takes itself away", async () => {
    const fresh = await measure({}, { pairs: "fresh" });
    expect(fresh.epsilon).toBeLessThanOrEqual(bookedFor(fresh.event, 2).least);
    const reused = await measure({}, { pairs: "reused" });
    expect(reused.epsilon).toBeGreaterThan(bookedFor(reused.event, 2).least);
  });

  test("a contribution is a sum, whatever the batch's size: never a mean over those who happened to join", async () => {
    const contributed = async (batch: readonly number[]): Promise<number[]> => {
      const noise = noiseOf(0, fixed(5));
      const packed = new Uint8Array(packedBytes(dimension, grid.bits));
      const device = deviceOf({ joined: () => Int32Array.from(batch) }, withOne);
      const ofStudy = { trainPatients: withOne, samplingRate, rule: ruleOf(CLIPPING_NORM), grid, random: fixed(6) };
      const { bits, bytes } = await privateStep({ ...ofStudy, device, noise, packed });
      const values = new Int32Array(dimension);
      unpackInto(values, bits, bytes);
      return [...values];
    };
    const one = await contributed([OTHERS]);
    expect(Math.max(...one.map(Math.abs))).toBeGreaterThan(3);
    // The others' gradients are next to nothing: beside them the one's is as long as alone, to rounding.
    const all = await contributed([0, 1, 2, 3, OTHERS]);
    for (const [i, value] of one.entries())
      expect(Math.abs((all[i] ?? 0) - value)).toBeLessThanOrEqual(0.1 * Math.abs(value) + 2);
    expect(await contributed([])).toEqual(new Array<number>(dimension).fill(0));
  });

  test("a sum that says how sensitive it is gets no noise that doesn't cover it", async () => {
    const noise = noiseOf(1, fixed(3));
    const ofStudy = { trainPatients: withOne, samplingRate, rule: ruleOf(CLIPPING_NORM), grid };
    const device = deviceOf({ clippedTo: 4 * CLIPPING_NORM }, withOne);
    const packed = new Uint8Array(packedBytes(dimension, grid.bits));
    await expect(privateStep({ ...ofStudy, device, noise, packed, random: fixed(4) })).rejects.toThrow(/covers/);
  });
});
