import { STEADY } from "./enginePlans.ts";
import type { Skipped } from "./ownProcess.ts";
import { figure } from "./page.ts";
import { quantile } from "./quantile.ts";
import { type SkippedCase, skippedCase, type TimedCase } from "./report.ts";
import type { Held, SteadyMemory } from "./steadyMemory.ts";

export type SteadyCase = SkippedCase | (TimedCase & { readonly held: { readonly first: Held; readonly last: Held } });

/** Memory over many steps as a case: its reference is what was held after the first of them, its ratio the growth. */
export function steadyCase(backend: string, outcome: SteadyMemory | Skipped): SteadyCase {
  const { name: model, batch, steps, every } = STEADY;
  const name = `${model}, batch ${batch}: memory over ${figure(steps)} private steps`;
  if ("skipped" in outcome) return { ...skippedCase(name, backend, outcome.skipped), unit: "MiB" };
  const [first, ...rest] = outcome.held;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("memory is compared between two moments");
  const sizes = outcome.held.map(({ rssMiB }) => rssMiB);
  const at = (share: number): number => quantile(sizes, share);
  return {
    name,
    backend,
    unit: "MiB",
    median: at(0.5),
    p10: at(0.1),
    p90: at(0.9),
    runs: sizes.length,
    peakRssMiB: outcome.peakRssMiB,
    reference: { name: `after ${every} steps`, median: first.rssMiB, ratio: last.rssMiB / first.rssMiB },
    skipped: null,
    held: { first, last },
  };
}
