/** What a run of the benchmark "engine" found, put side by side. */
import type { EnginePlan } from "./enginePlans.ts";
import type { Skipped, Timed } from "./ownProcess.ts";
import { type BenchCase, type Comparison, skippedCase, type TimedCase, timedCase } from "./report.ts";

/** One kind of step of one model on one backend. */
export interface Measured {
  readonly backend: string;
  readonly kind: string;
  readonly outcome: Timed | Skipped;
}

export type EngineCase = BenchCase & {
  readonly kind: string;
  /** All that it can be compared with; `reference` is the first of them. */
  readonly comparisons: readonly Comparison[];
};

export interface MeasuredPlan {
  readonly plan: EnginePlan;
  readonly cases: readonly EngineCase[];
}

/** Each measurement beside PyTorch's step without privacy, its own engine's, and the same step on libtensorflow. */
export function sideBySide(plan: EnginePlan, all: readonly Measured[]): MeasuredPlan {
  const cases = all.map((one): EngineCase => {
    const name = `${plan.name}, ${one.kind}`;
    const { backend, kind, outcome } = one;
    if ("skipped" in outcome) return { ...skippedCase(name, backend, outcome.skipped), kind, comparisons: [] };
    const median = medianOf(outcome, name);
    const native = backend === "wasm" ? found(all, "tensorflow", kind) : null;
    const others = [
      { name: "PyTorch, non-private", of: found(all, "pytorch", "non-private") },
      { name: `${backend}, non-private`, of: found(all, backend, "non-private") },
      { name: "tensorflow, the same step", of: native },
    ];
    const comparisons = others.flatMap(({ name: other, of }): Comparison[] => {
      if (of === null || of === outcome) return [];
      const reference = medianOf(of, other);
      return [{ name: other, median: reference, ratio: median / reference }];
    });
    const timed = timedCase({ name, backend, ...outcome }, comparisons[0] ?? null);
    return { ...timed, kind, comparisons };
  });
  return { plan, cases };
}

function found(all: readonly Measured[], backend: string, kind: string): Timed | null {
  const outcome = all.find((one) => one.backend === backend && one.kind === kind)?.outcome;
  return outcome === undefined || "skipped" in outcome ? null : outcome;
}

function medianOf(outcome: Timed, name: string): number {
  return timedCase({ name, backend: "", ...outcome }, null).median;
}

export function caseOf({ cases }: MeasuredPlan, backend: string, kind: string): (TimedCase & EngineCase) | null {
  const one = cases.find((own) => own.backend === backend && own.kind === kind);
  return one === undefined || one.skipped !== null ? null : one;
}
