import { describe, expect, test } from "vitest";
import { PrivacyEvent } from "../event/event.ts";
import { type LedgerEvent, RecordEvent } from "../event/recordEvent.ts";
import { epsilonOf, epsilonOfEvents } from "./convert.ts";
import { ORDERS } from "./orders.ts";
import { zeroOutCurve, zeroOutCurveOf } from "./zeroOut.ts";

/** What one mechanism gives, each output with its probability. */
type Outputs = ReadonlyMap<string, number>;

/** Orders of the curve at which a slow sum is compared. */
const CHECKED = [...ORDERS].filter((order, index) => order <= 512 && index % 6 === 0);

/** Rényi divergence of order α, term by term, in logarithms (Mironov 2017, Definition 3). */
function divergence(p: Outputs, q: Outputs, order: number): number {
  const terms = [...p].map(([output, mass]) => order * Math.log(mass) + (1 - order) * Math.log(q.get(output) ?? 0));
  const largest = Math.max(...terms);
  return (largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0))) / (order - 1);
}

function expectBound(p: Outputs, q: Outputs, events: readonly LedgerEvent[]): void {
  const curve = zeroOutCurveOf(events);
  for (const order of CHECKED) {
    const bound = curve.values[ORDERS.indexOf(order)] ?? Number.NaN;
    expect(Math.max(divergence(p, q, order), divergence(q, p, order)), `α = ${order}`).toBeLessThanOrEqual(
      bound * (1 + 1e-9) + 1e-12,
    );
  }
}

/** Discrete Laplace noise around a center; what falls beyond ±reach is counted there, which is post-processing. */
function laplace(center: number, scale: number, reach = 6): Outputs {
  const ratio = Math.exp(-1 / scale);
  const beyond = (distance: number): number => ratio ** distance / (1 + ratio);
  const masses = new Map<string, number>();
  for (let k = 1 - reach; k < reach; k++)
    masses.set(String(k), ((1 - ratio) / (1 + ratio)) * ratio ** Math.abs(k - center));
  return masses.set(String(-reach), beyond(reach + center)).set(String(reach), beyond(reach - center));
}

function answers(truth: number, values: number, odds: number): Outputs {
  const all = odds + values - 1;
  return new Map(
    Array.from({ length: values }, (_, value) => [String(value), (value === truth ? odds : 1) / all] as const),
  );
}

/** Both, the second chosen by what the first gave. */
function both(first: Outputs, second: (output: string) => Outputs): Outputs {
  const masses = new Map<string, number>();
  for (const [a, p] of first) for (const [b, q] of second(a)) masses.set(`${a},${b}`, p * q);
  return masses;
}

const response = (values: number, odds: number, count = 1) =>
  RecordEvent.parse({ kind: "randomised-response", adjacency: "replace", values, odds, count });
const recordLaplace = (diameter: number, scale: number, count = 1) =>
  RecordEvent.parse({
    ...{ kind: "record-laplace", adjacency: "replace", coordinates: 1, diameter, scale, step: 2 ** -10, count },
  });
const histogram = (scale: number) =>
  PrivacyEvent.parse({ kind: "discrete-laplace", adjacency: "add-remove", sensitivity: 1, scale, count: 1 });

describe("[ACC38] a ledger's events cost one sum under zero-out", () => {
  /** The neutral record: the middle of the range and the label's first value. */
  const NEUTRAL = { value: 0, label: 0 };
  const records = [-2, -1, 0, 1, 2].flatMap((value) => [0, 1, 2].map((label) => ({ value, label })));

  /** All that is done to one patient's data: label, value, and a count over those left, as the label answered. */
  function allOutputs(patient: (typeof records)[number] | null): Outputs {
    const { value, label } = patient ?? NEUTRAL;
    const sanitized = both(answers(label, 3, 4), () => laplace(value, 3));
    return both(sanitized, (output) => {
      // Two other patients count; this one only where there is one, and only where the answer before asks for it.
      const isAsked = patient !== null && (output.startsWith("1") ? value > 0 : value <= 0);
      return laplace(2 + (isAsked ? 1 : 0), 1.5);
    });
  }

  test.each(records)("a patient of value $value and label $label, or nothing in its place: both ways", (patient) => {
    expectBound(allOutputs(patient), allOutputs(null), [response(3, 4), recordLaplace(4, 3), histogram(1.5)]);
  });

  test("the sum is what a patient at the range's end pays, not more than the accountant's worst case", () => {
    // Where nothing is lost: one binary answer, whose curve is the mechanism's own.
    const [yes, no] = [answers(1, 2, 5), answers(0, 2, 5)];
    const { values } = zeroOutCurveOf([response(2, 5)]);
    for (const order of CHECKED) expect(values[ORDERS.indexOf(order)]).toBeCloseTo(divergence(yes, no, order), 9);
  });

  test("with either event left out the bound fails: the test can tell", () => {
    const [there, gone] = [allOutputs({ value: 2, label: 1 }), allOutputs(null)];
    expect(() => expectBound(there, gone, [response(3, 4)])).toThrow();
    expect(() => expectBound(there, gone, [recordLaplace(4, 3)])).toThrow();
    expect(() => expectBound(there, gone, [histogram(1.5)])).toThrow();
  });
});

describe("[ACC39] kinds of records' events, against slow sums", () => {
  test.each([
    { diameter: 1, scale: 0.7 },
    { diameter: 6, scale: 4 },
    { diameter: 9, scale: 2 },
  ])("Laplace on a record, L1 distance $diameter at scale $scale, along one axis or two", ({ diameter, scale }) => {
    const event = recordLaplace(diameter, scale);
    const at = (center: number) => laplace(center, scale, 14);
    expectBound(at(0), at(diameter), [event]);
    const half = Math.floor(diameter / 2);
    expectBound(
      both(at(0), () => at(0)),
      both(at(half), () => at(diameter - half)),
      [event],
    );
  });

  test.each([0.6, 1, 3.5])("Gaussian on a record at σ = %d: the integral of its density", (noiseMultiplier) => {
    const event = RecordEvent.parse({ kind: "record-gaussian", adjacency: "replace", noiseMultiplier, count: 1 });
    const { values } = zeroOutCurveOf([event]);
    for (const order of [1.5, 2, 3, 5]) {
      const step = noiseMultiplier / 200;
      let sum = 0;
      for (let x = -20 * noiseMultiplier - order; x <= 20 * noiseMultiplier + order; x += step) {
        const log = (center: number) => -((x - center) ** 2) / (2 * noiseMultiplier ** 2);
        sum += Math.exp(order * log(1) + (1 - order) * log(0));
      }
      const integral = Math.log((sum * step) / (noiseMultiplier * Math.sqrt(2 * Math.PI))) / (order - 1);
      expect(values[ORDERS.indexOf(order)]).toBeCloseTo(integral, 6);
    }
  });

  test("metric noise on clipped records is pure ε of its diameter; m records pay m times", () => {
    const metric = { kind: "metric", adjacency: "replace", epsilonPerDistance: 0.25, diameter: 4, sampler: "exact" };
    const one = zeroOutCurveOf([RecordEvent.parse({ ...metric, count: 1 })]);
    const three = zeroOutCurveOf([RecordEvent.parse({ ...metric, count: 3 })]);
    expect(one.values.at(-1)).toBe(1);
    expect(three.values).toEqual(one.values.map((value) => 3 * value));
    expect(zeroOutCurve([[RecordEvent.parse({ ...metric, count: 1 }), 3]]).values).toEqual(three.values);
  });
});

describe("[ACC40] what is not proven for a record is no event that a ledger takes", () => {
  test.each([
    ["pixels", { kind: "pixel-laplace", adjacency: "pixel", pixels: 4, sensitivity: 1, scale: 2, count: 1 }],
    ["no clip", { kind: "metric", adjacency: "replace", epsilonPerDistance: 1, diameter: null, sampler: "exact" }],
    [
      "floating point",
      { kind: "metric", adjacency: "replace", epsilonPerDistance: 1, diameter: 2, sampler: "floating-point" },
    ],
  ])("%s", (_, event) => {
    expect(RecordEvent.safeParse({ count: 1, ...event }).success).toBe(false);
    const nobodys: never[] = JSON.parse(JSON.stringify([{ count: 1, ...event }]));
    expect(() => zeroOutCurveOf(nobodys)).toThrow();
  });

  test("everywhere else costs of two relations are still no sum", () => {
    const mixed = [histogram(2), response(2, 3)];
    expect(() => epsilonOfEvents(mixed, 1e-5)).toThrow(expect.objectContaining({ code: "accountant/mixed-adjacency" }));
    expect(epsilonOf(zeroOutCurveOf(mixed), 1e-5)).toBeGreaterThan(0);
  });
});
