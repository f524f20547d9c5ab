import type { PricedEvent } from "../event/pricedEvent.ts";
import { unreachable } from "../failure/failure.ts";
import { type Charged, charged } from "../mechanism/charged.ts";
import type { NoisyVector } from "../mechanism/metricNoise.ts";
import { dct3 } from "../transform/dct.ts";
import type { SanitizerMethod } from "./method.ts";
import { fromUnits, type PublicRules } from "./patientRecords.ts";

/** Records that are noised, as any number of studies may read them. Of how much that protects, the events tell. */
export interface SanitizedPatients {
  readonly kind: "sanitized-patients";
  readonly columns: number;
  /** [records, columns]: in the columns' own units and order, not held to their ranges; a projection's are its own. */
  readonly values_RC: Float64Array;
  /** [records]; null where the label was left out. */
  readonly labels_R: Int32Array | null;
  /** As `PatientRecords` has it: public. */
  readonly recordStart: Int32Array;
}

/** What stands outside of the records: rules, method, and how many records each patient has. */
export interface PublicShape {
  readonly rules: PublicRules;
  readonly method: SanitizerMethod;
  readonly recordStart: Int32Array;
}

/**
 * Post-processing: noisy numbers back in the columns' own units. Labels are noised and charged, or declared public.
 * It sees nothing else of the records.
 */
export function inOwnUnits(
  features: Charged<readonly NoisyVector[], PricedEvent>,
  labels: Charged<Int32Array, PricedEvent> | Int32Array | null,
  { rules, method, recordStart }: PublicShape,
): Charged<SanitizedPatients, PricedEvent> {
  const { columns, values_RC } = ownUnits(features.value, rules, method);
  const isNoised = labels !== null && !(labels instanceof Int32Array);
  return charged(
    { kind: "sanitized-patients", columns, values_RC, labels_R: isNoised ? labels.value : labels, recordStart },
    // Labels of no record cost nothing, as their features do.
    [...features.events, ...(isNoised && features.events.length > 0 ? labels.events : [])],
  );
}

function ownUnits(
  records: readonly NoisyVector[],
  rules: PublicRules,
  method: SanitizerMethod,
): { readonly columns: number; readonly values_RC: Float64Array } {
  const columns = rules.low_C.length;
  switch (method.method) {
    case "dct-laplace":
    case "dct-metric": {
      const values_RC = dct3(numbersOf(records, method.coefficients), method.coefficients, columns);
      return { columns, values_RC: fromUnits({ columns, values_RC }, rules, "[-1, 1]") };
    }
    case "pixel-laplace":
      return { columns, values_RC: fromUnits({ columns, values_RC: numbersOf(records, columns) }, rules, "[0, 1]") };
    case "projection":
      return { columns: method.dimensions, values_RC: numbersOf(records, method.dimensions) };
    default:
      return unreachable(method);
  }
}

function numbersOf(records: readonly NoisyVector[], width: number): Float64Array {
  const numbers = new Float64Array(records.length * width);
  for (const [row, { steps, step }] of records.entries()) {
    numbers.set(
      steps.map((value) => value * step),
      row * width,
    );
  }
  return numbers;
}
