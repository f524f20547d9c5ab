import { compareMethods } from "@consilium/shared/sanitizer/compare";
import type { LocalEnergy } from "@consilium/shared/sanitizer/energy";
import type { SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { SanitizerStatement } from "@consilium/shared/sanitizer/statement";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { table } from "./output.ts";
import type { MethodOptions } from "./sanitizeMethod.ts";

/** Above it hardly any two records stay hard to tell apart: each output is e^20 times likelier under one. */
const EPSILON_WARNED = 20;

/** What the methods need for the promise asked for, the least proven one marked; for DCTs with a clip alone. */
export function comparison({ promise, epsilon, clip, firstClip = 0, method }: MethodOptions, of: SanitizerMethod) {
  if (!("coefficients" in of) || clip === undefined) return null;
  const { coefficients } = of;
  const isL1 = method === "dct-laplace";
  // A clip in one norm bounds the other: ‖c‖₂ ≤ ‖c‖₁ ≤ √K·‖c‖₂.
  const l1Bound = isL1 ? clip + firstClip : Math.sqrt(coefficients) * Math.hypot(clip, firstClip);
  const l2Bound = isL1 ? clip + firstClip : Math.hypot(clip, firstClip);
  return compareMethods({ promise, epsilon, coefficients, l1Bound, l2Bound });
}

/** Everything that a steward should know before anything is spent; local figures say that they are. */
export function foretold(
  statement: SanitizerStatement,
  compared: ReturnType<typeof comparison>,
  energy: LocalEnergy | null,
  clip: number | undefined,
): string[] {
  const rows = (compared?.candidates ?? []).map((one) => [
    `${one.method}${one.sampler === "exact" ? "" : ", floating point"}`,
    one.noiseNorm.toPrecision(3),
    epsilonText(one.recordEpsilon),
    `${one.epsilonPerDistance.toPrecision(3)} a unit`,
    one === compared?.recommended ? "recommended" : one.isProven ? "" : "not proven",
  ]);
  return [
    ...(rows.length === 0
      ? []
      : [...table([`a record is ≤ ${clip ?? 0} long`, "noise is", "ε record", "ε metric", ""], rows), ""]),
    ...(energy === null ? [] : [`Energy kept, without noise (${LOCAL}): ${energyText(energy)}.`]),
    ...statement.sentences,
    ...warnings(statement),
  ];
}

const LOCAL = "of the first records, for this hospital's eyes alone";

function energyText({ kept }: LocalEnergy): string {
  return kept
    .map(({ coefficients, share }) => `${(100 * share).toFixed(1)} % by ${coefficients} coefficients`)
    .join(", ");
}

function warnings({ record, patient }: SanitizerStatement): string[] {
  const worst = Math.max(record?.epsilon ?? 0, patient?.epsilon ?? 0);
  if (worst <= EPSILON_WARNED) return [];
  return [`WARNING: ε = ${epsilonText(worst)} protects hardly anybody: one output may name its record.`];
}
