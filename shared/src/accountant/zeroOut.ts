import type { LedgerEvent } from "../event/recordEvent.ts";
import { unreachable } from "../failure/failure.ts";
import { curveOfCounted, type RdpCurve } from "./rdp.ts";

/**
 * Cost of what a ledger holds, each event so many times, for the one relation that caps count: **zero-out**. Data sets
 * D and D₀ are neighbours where D₀ is D with one patient's records replaced by nothing, while it stays public how many
 * patients there are and how many records each has (Kairouz et al. 2021, arXiv:2103.00039, "zero-out"; Ponomareva et
 * al. 2023, arXiv:2303.00654, section 2.1). This is the only place where costs of two relations become one; it takes a
 * ledger's events alone, for each of which the bound is one about the same two D and D₀:
 *
 * - A round's event (add-remove): a patient of nothing adds zero to each clipped sum, count and quality, so the output
 *   on D₀ is the output without that patient, and the add-remove bound, which holds both ways, is one on (D, D₀).
 * - A sanitizer's event (replace, as many records): on D₀ the mechanism is defined to read the patient's records as
 *   fixed neutral ones, the middle of every public range and the label's first value. Those are among the records that
 *   replace-one ranges over, so its bound is one on (D, D₀) as well.
 * - Post-processing of a sanitizer's output reads nothing else, so it adds nothing on any two data sets.
 *
 * Rényi divergences between the outputs on one pair of data sets add, adaptively (Mironov 2017, Proposition 1). What is
 * not promised is that nobody learns THAT a person is in a data set which was sanitized: counts are public. The way
 * back is not taken here: from zero-out to replace-one leads by way of D₀, and costs the privacy of a group of two.
 */
export function zeroOutCurve(counted: Iterable<readonly [LedgerEvent, number]>): RdpCurve {
  return curveOfCounted(convertible(counted));
}

/** The same of single events. */
export function zeroOutCurveOf(events: readonly LedgerEvent[]): RdpCurve {
  return zeroOutCurve(events.map((event) => [event, 1] as const));
}

/** A kind that is new stops here until somebody has proved it above; a pixel's or an unclipped record's never passes. */
function* convertible(counted: Iterable<readonly [LedgerEvent, number]>): Generator<readonly [LedgerEvent, number]> {
  for (const [event, times] of counted) {
    switch (event.kind) {
      case "poisson-gaussian":
      case "discrete-laplace":
      case "exponential-mechanism":
      case "post-processing":
      case "record-laplace":
      case "record-gaussian":
      case "randomised-response":
      case "metric":
        yield [event, times];
        break;
      default:
        unreachable(event);
    }
  }
}
