import type { ProductUse } from "@consilium/engine/use";
import { publicUniform } from "@consilium/shared/model/initial";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import { FormedGradients } from "./formedGradients.ts";
import { seed } from "./layerCases.test-support.ts";
import { formedNorms, ghostNorms } from "./productNorm.ts";

/** Patients of one record, of many, whose gradients cancel in part, and of some. */
const ROW_START = Int32Array.of(0, 1, 61, 66);
const RECORDS = 66;

interface Size {
  readonly positions: number;
  readonly inputs: number;
  readonly outputs: number;
}

function useOf({ positions, inputs, outputs }: Size, start: number): ProductUse {
  const next = publicUniform(start);
  const numbers = (width: number): tf.Tensor3D =>
    tf.tensor3d(
      Float32Array.from({ length: RECORDS * positions * width }, () => 2 * next() - 1),
      [RECORDS, positions, width],
    );
  const source = numbers(inputs);
  return {
    kind: "product",
    offset: 0,
    rowLength: outputs,
    input_RTI: { source, shape: [RECORDS, positions, inputs] },
    delta_RTO: numbers(outputs),
  };
}

/** Each record's gradient in float64. */
function exactGradients(use: ProductUse, { positions, inputs, outputs }: Size): Float64Array[] {
  const [input, delta] = [use.input_RTI.source.dataSync(), use.delta_RTO.dataSync()];
  return Array.from({ length: RECORDS }, (_, row) => {
    const gradient = new Float64Array(inputs * outputs);
    for (let place = row * positions; place < (row + 1) * positions; place++) {
      for (let at = 0; at < gradient.length; at++) {
        const product =
          (input[place * inputs + Math.floor(at / outputs)] ?? 0) * (delta[place * outputs + (at % outputs)] ?? 0);
        gradient[at] = (gradient[at] ?? 0) + product;
      }
    }
    return gradient;
  });
}

function formedGradients(use: ProductUse): Float64Array[] {
  const gradients: Float64Array[] = [];
  new FormedGradients(ROW_START).forSum(use, (gradient_RIO) => {
    const [count, inputs, outputs] = gradient_RIO.shape;
    const values = gradient_RIO.dataSync();
    for (let row = 0; row < count; row++) {
      gradients.push(Float64Array.from(values.subarray(row * inputs * outputs, (row + 1) * inputs * outputs)));
    }
  });
  return gradients;
}

/** Squared norm of the sum of each patient's gradients. */
function squaresOf(gradients: readonly Float64Array[]): number[] {
  return [...ROW_START.subarray(1)].map((end, patient) => {
    const own = gradients.slice(ROW_START[patient], end);
    const sum = (own[0] ?? new Float64Array()).map((_, at) =>
      own.reduce((all, gradient) => all + (gradient[at] ?? 0), 0),
    );
    return sum.reduce((squared, value) => squared + value ** 2, 0);
  });
}

/** Well above what rounding can be: a part in a thousand of the norm without cancellation. */
function slack({ positions, inputs, outputs }: Size): number {
  return 1e-3 * (RECORDS * positions) ** 2 * inputs * outputs;
}

const size = fc.record({
  positions: fc.integer({ min: 2, max: 12 }),
  inputs: fc.integer({ min: 1, max: 9 }),
  outputs: fc.integer({ min: 1, max: 9 }),
});

describe.each(BACKENDS)(
  "[ENG2] on %s a squared norm is never below what is added, by as little as a last bit",
  (backend) => {
    beforeAll(() => startExactly(backend));

    test("from pairs of positions: that of the exact gradient", () => {
      fc.assert(
        fc.property(size, seed, (own, start) => {
          const use = useOf(own, start);
          const { squared_P } = ghostNorms(use, ROW_START);
          for (const [patient, exact] of squaresOf(exactGradients(use, own)).entries()) {
            expect(squared_P[patient]).toBeGreaterThanOrEqual(exact);
            expect(squared_P[patient]).toBeLessThan(1.2 * exact + slack(own));
          }
          tf.dispose([use.input_RTI.source, use.delta_RTO]);
        }),
        { numRuns: 30 },
      );
    });

    test("of formed gradients: that of the formed ones", () => {
      fc.assert(
        fc.property(size, seed, (own, start) => {
          const use = useOf(own, start);
          const formed = new FormedGradients(ROW_START);
          const { squared_P } = formedNorms(use, ROW_START, formed);
          formed.dispose();
          for (const [patient, exact] of squaresOf(formedGradients(use)).entries()) {
            expect(squared_P[patient]).toBeGreaterThanOrEqual(exact);
            expect(squared_P[patient]).toBeLessThan(1.2 * exact + slack(own));
          }
          tf.dispose([use.input_RTI.source, use.delta_RTO]);
        }),
        { numRuns: 30 },
      );
    });
  },
);
