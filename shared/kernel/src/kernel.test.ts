import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addAndPack } from "./addAndPack.ts";
import { addPacked } from "./addPacked.ts";
import { adamStep, momentumStep, type Step, sgdStep, yogiStep } from "./applyUpdate.ts";
import { drawOnce, drawTwice } from "./drawFromTable.ts";
import { bytes, region } from "./instance.ts";
import { packIntegers } from "./packIntegers.ts";
import * as plain from "./plainLoops.test-support.ts";
import { roundAndAdd } from "./roundAndAdd.ts";

/** Lengths about the steps and the pieces that kernels take. */
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 70 }),
  fc.constantFrom(8191, 8192, 8193, 16_384, 20_003, 32_768, 65_537),
);
/** Numbers without end: a generator that is as quick as the tests need. */
function wordsFrom(seed: number, count: number): Int32Array {
  let state = seed | 1;
  return Int32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}
const shapes = fc.record({ count: lengths, seed: fc.integer() });
const isSame = (a: Int32Array, b: Int32Array) => a.length === b.length && a.every((value, i) => value === b[i]);

const EDGES = [NaN, Infinity, -Infinity, -0, 0, 0.5, -0.5, 0.49999997, -0.49999997, 1e-40, 3e38, -3e38, 1.5, -2.5];

/** Numbers of every size, the edges among them. */
function numbersFrom(seed: number, count: number): Float64Array {
  const words = wordsFrom(seed, 2 * count);
  return Float64Array.from({ length: count }, (_, i) => {
    const [a, b] = [words[2 * i] ?? 0, words[2 * i + 1] ?? 0];
    return b % 7 === 0 ? (EDGES[(a >>> 1) % EDGES.length] ?? 0) : (a / 2 ** 31) * 2 ** ((b % 40) - 4);
  });
}

describe("round and add", () => {
  const roundings = fc.record({
    fine: fc.integer({ min: -4, max: 24 }),
    shift: fc.integer({ min: 0, max: 22 }),
    bits: fc.integer({ min: 2, max: 24 }),
    isSingle: fc.boolean(),
  });

  test("is the plain loop, for float32 and float64, NaN, infinities, halves and saturated ends", () => {
    fc.assert(
      fc.property(shapes, roundings, ({ count, seed }, { fine, shift, bits, isSingle }) => {
        const limit = 2 ** (bits - 1) - 1;
        const rounding = { perStep: 2 ** fine, clamp: Math.min(limit * 2 ** shift, 2 ** 30 - 1), shift, limit };
        const numbers = numbersFrom(seed, count).map((value) => value / 2 ** (fine - shift / 2));
        const sum = isSingle ? Float32Array.from(numbers) : numbers;
        const noise = new Int32Array(new SharedArrayBuffer(4 * count));
        noise.set(wordsFrom(~seed, count).map((word) => word >> (2 + (seed & 7))));
        const expected = Int32Array.from(noise);
        plain.plainRoundAndAdd(sum, expected, rounding);
        roundAndAdd(sum, noise, rounding);
        expect(isSame(noise, expected)).toBe(true);
      }),
      { numRuns: 120 },
    );
  });

  test("every number next to a half step", () => {
    const sum = Float64Array.from({ length: 4000 }, (_, i) => (i - 2000) / 2 + ((i % 5) - 2) * 2 ** -(20 + (i % 13)));
    const rounding = { perStep: 1, clamp: 700, shift: 0, limit: 2 ** 20 };
    const [noise, expected] = [new Int32Array(4000), new Int32Array(4000)];
    plain.plainRoundAndAdd(sum, expected, rounding);
    roundAndAdd(sum, noise, rounding);
    expect(isSame(noise, expected)).toBe(true);
  });

  test("nothing of a sum or of noise stays in the kernels' memory", () => {
    roundAndAdd(new Float32Array(9000).fill(7), new Int32Array(9000).fill(9), {
      perStep: 1,
      clamp: 100,
      shift: 0,
      limit: 50,
    });
    expect(bytes.subarray(0, region(2)).every((byte) => byte === 0)).toBe(true);
  });
});

describe("add and pack, in one pass", () => {
  test("is the plain loops one after the other; the noise is zeros then", () => {
    fc.assert(
      fc.property(
        shapes,
        fc.integer({ min: 2, max: 24 }),
        fc.integer({ min: 0, max: 22 }),
        fc.boolean(),
        ({ count, seed }, bits, shift, isSingle) => {
          const limit = 2 ** (bits - 1) - 1;
          const rounding = { perStep: 1, clamp: Math.min(limit * 2 ** shift, 2 ** 30 - 1), shift, limit };
          const numbers = numbersFrom(seed, count);
          const sum = isSingle ? Float32Array.from(numbers) : numbers;
          const noise = wordsFrom(~seed, count).map((word) => word >> (2 + (seed & 7)));
          const noisy = noise.slice();
          plain.plainRoundAndAdd(sum, noisy, rounding);
          const packed = new Uint8Array(Math.ceil((count * bits) / 8));
          const before = sum.slice();
          addAndPack(sum, noise, rounding, bits, packed);
          expect(sum).toEqual(before);
          expect(packed).toEqual(plain.plainPack(noisy, bits));
          expect(noise.every((value) => value === 0)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("nothing of a sum, of noise or of both together stays in the kernels' memory", () => {
    const packed = new Uint8Array(11_250);
    const rounding = { perStep: 1, clamp: 100, shift: 0, limit: 50 };
    addAndPack(new Float32Array(9000).fill(7), new Int32Array(9000).fill(9), rounding, 10, packed);
    expect(bytes.subarray(0, region(3)).every((byte) => byte === 0)).toBe(true);
  });
});

describe("pack and add packed", () => {
  const widths = fc.integer({ min: 2, max: 32 });

  test("are the plain loops for every number of bits and any length", () => {
    fc.assert(
      fc.property(shapes, widths, ({ count, seed }, bits) => {
        const limit = 2 ** (bits - 1) - 1;
        const values = wordsFrom(seed, count).map((word) => Math.max(-limit, word >> (32 - bits)));
        const packed = new Uint8Array(Math.ceil((count * bits) / 8));
        packIntegers(values, bits, packed);
        expect(Buffer.compare(packed, plain.plainPack(values, bits))).toBe(0);
        const whole = count - (count % 8);
        const sum = wordsFrom(seed ^ 77, whole);
        const expected = sum.slice();
        const body = packed.subarray(0, (whole * bits) / 8);
        expect(addPacked(body, sum, bits)).toBe(plain.plainAddPacked(body, expected, bits));
        expect(isSame(sum, expected)).toBe(true);
      }),
      { numRuns: 120 },
    );
  });

  test("see the one number that packing never makes, wherever it stands", () => {
    for (let bits = 2; bits <= 32; bits++) {
      for (let at = 0; at < 16; at++) {
        const values = new Int32Array(16).fill(-1);
        expect(addPacked(plain.plainPack(values, bits), new Int32Array(16), bits)).toBe(true);
        values[at] = -(2 ** (bits - 1));
        expect(addPacked(plain.plainPack(values, bits), new Int32Array(16), bits)).toBe(false);
      }
    }
  });
});

describe("optimizer steps", () => {
  const rates = fc.record({
    scale: fc.double({ min: 1e-12, max: 10, noNaN: true }),
    rate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    decay: fc.double({ min: 0.01, max: 0.9999, noNaN: true }),
    isInPlace: fc.boolean(),
  });
  const stepOf = (count: number, seed: number, scale: number, rate: number, isInPlace: boolean): Step => {
    const parameters = Float32Array.from(numbersFrom(seed, count));
    const into = isInPlace ? parameters : new Float32Array(count);
    return { parameters, into, aggregate: wordsFrom(seed ^ 5, count), scale, rate };
  };
  const copyOf = (step: Step): Step => {
    const parameters = step.parameters.slice();
    return { ...step, parameters, into: step.into === step.parameters ? parameters : step.into.slice() };
  };

  test("round every operation as the plain loops do", () => {
    fc.assert(
      fc.property(shapes, rates, ({ count, seed }, { scale, rate, decay, isInPlace }) => {
        const adam = { beta1: decay, beta2: 0.999, epsilon: 1e-8, firstBias: 1 - decay, secondBias: 1e-3 };
        const [first, second] = [7, 8].map((salt) => Float32Array.from(numbersFrom(seed ^ salt, count), Math.abs));
        if (first === undefined || second === undefined) throw new Error("two states");
        const runs: [(step: Step, m: Float32Array, v: Float32Array) => void, typeof plain.plainAdam][] = [
          [sgdStep, plain.plainSgd],
          [(step, m) => momentumStep(step, m, decay), (step, m) => plain.plainMomentum(step, m, decay)],
          [(step, m, v) => adamStep(step, m, v, adam), (step, m, v) => plain.plainAdam(step, m, v, adam)],
          [(step, m, v) => yogiStep(step, m, v, adam), (step, m, v) => plain.plainYogi(step, m, v, adam)],
        ];
        for (const [kernel, loop] of runs) {
          const step = stepOf(count, seed, scale, rate, isInPlace);
          const [expected, m, v] = [copyOf(step), first.slice(), second.slice()];
          loop(expected, m, v, adam);
          const [ownM, ownV] = [first.slice(), second.slice()];
          kernel(step, ownM, ownV);
          for (const [own, theirs] of [
            [step.into, expected.into],
            [ownM, m],
            [ownV, v],
          ] as const) {
            expect(own.every((value, i) => Object.is(value, theirs[i]))).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("draws from a table", () => {
  const tables = fc.record({
    indexBits: fc.integer({ min: 2, max: 15 }),
    step: fc.integer({ min: 1, max: 600 }),
    tieEvery: fc.integer({ min: 2, max: 5000 }),
  });

  test("are the plain loop's, ties settled in their order, once and twice", () => {
    fc.assert(
      fc.property(shapes, tables, ({ count, seed }, { indexBits, step, tieEvery }) => {
        const packed = wordsFrom(seed ^ 3, 2 ** indexBits);
        const table = { packed, indexBits, radius: 2 ** (indexBits - 1) - 1 };
        // A word whose top bits are its slot's threshold, now and then.
        const words = wordsFrom(seed, 2 * count).map((word, i) => {
          const slot = word & (2 ** indexBits - 1);
          return i % tieEvery === 0 ? ((packed[slot] ?? 0) & -(2 ** indexBits)) | slot : word;
        });
        const drawsFrom = () => {
          const order: number[] = [];
          const left = { words };
          return {
            table,
            order,
            fill: (into: Uint8Array) => {
              const part = left.words.subarray(0, into.length / 4);
              left.words = left.words.subarray(part.length);
              into.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
            },
            settle: (word: number) => plain.plainDraw(table, word, (tied) => tied ^ order.push(tied)),
          };
        };
        const reference = drawsFrom();
        const singles = words.map(reference.settle);
        const once = { draws: drawsFrom(), target: new Int32Array(2 * count) };
        drawOnce(once.target, once.draws);
        expect(isSame(once.target, singles)).toBe(true);
        expect(once.draws.order).toEqual(reference.order);
        const twice = { draws: drawsFrom(), target: new Int32Array(new SharedArrayBuffer(4 * count)) };
        drawTwice(twice.target, step, twice.draws);
        const pairs = twice.target.map((_, i) => (singles[2 * i] ?? 0) + step * (singles[2 * i + 1] ?? 0));
        expect(isSame(twice.target, pairs)).toBe(true);
        expect(twice.draws.order).toEqual(reference.order);
        expect(bytes.subarray(0, region(6)).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("a table beyond its room is refused", () => {
    const table = { packed: new Int32Array(2 ** 16), indexBits: 16, radius: 1 };
    expect(() => drawOnce(new Int32Array(1), { table, fill: () => undefined, settle: () => 0 })).toThrow(/slots/);
  });
});
