import type { Aim } from "./enginePlans.ts";
import { figure } from "./page.ts";
import type { TimedCase } from "./report.ts";

/** Whether a figure stays within its limit. */
export interface Verdict {
  readonly aim: string;
  readonly isReached: boolean;
  readonly found: string;
}

/**
 * What was aimed at beside what was found. A multiple of PyTorch's time holds on any machine; without PyTorch, the
 * milliseconds of the machine that they were set on have to do.
 */
export function verdicts(aim: Aim, own: TimedCase, pytorchMs: number | null): Verdict[] {
  const { timesPytorch, timesPytorchStretch, ms, peakRssMiB } = aim;
  const said: Verdict[] = [];
  const ratio = pytorchMs === null ? null : own.median / pytorchMs;
  if (timesPytorch !== undefined && ratio !== null) {
    for (const limit of [timesPytorch, ...(timesPytorchStretch === undefined ? [] : [timesPytorchStretch])]) {
      const name = limit === timesPytorch ? "at most" : "stretch:";
      said.push({ aim: `${name} ${limit} × PyTorch`, isReached: ratio <= limit, found: `${ratio.toFixed(2)} ×` });
    }
  } else if (ms !== undefined) {
    said.push({
      aim: `at most ${ms.toLocaleString("en-US")} ms`,
      isReached: own.median <= ms,
      found: `${figure(own.median)} ms`,
    });
  }
  if (peakRssMiB !== undefined) {
    const isReached = own.peakRssMiB < peakRssMiB;
    const found = `${figure(Math.round(own.peakRssMiB))} MiB`;
    said.push({ aim: `under ${figure(peakRssMiB)} MiB`, isReached, found });
  }
  return said;
}

export function verdictText({ aim, isReached, found }: Verdict): string {
  return isReached ? `${aim}: reached (${found})` : `${aim}: **not reached** (${found})`;
}
