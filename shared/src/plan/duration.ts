import type { StudyDocument } from "../study/document.ts";
import { referenceRounds } from "../study/modelLines.ts";
import type { Duration, Traffic } from "./plan.ts";

/** What the author knows of the slowest site. */
export interface Pace {
  /** One private step there, measured or guessed, in ms. */
  readonly stepMs?: number | undefined;
  /** Its link, each way, in megabits a second. */
  readonly linkMbit?: number | undefined;
}

const HOUR_MS = 3_600_000;

/**
 * How long all exchanges take, one after another: normalisation, steps of reference models, training rounds,
 * evaluations, the audit. A site answers at the signed, public time and never before it; what it sends travels after
 * that.
 */
export function durationOf(document: StudyDocument, traffic: Traffic, pace: Pace): Duration {
  const { rounds, localSteps, answerAfterMs, deadlineMs } = document.training;
  const { stepMs = 0, linkMbit } = pace;
  const before = document.normalisation === undefined ? 0 : 1;
  const others = before + Math.floor(rounds / document.evaluation.everyRounds) + 1;
  const steps = referenceRounds(document) + rounds;
  const exchanges = steps + others;
  const travelMs = (bytes: number): number => (linkMbit === undefined ? 0 : (8 * bytes) / (1000 * linkMbit));
  const workMs = localSteps * stepMs;
  const roundMs = Math.max(answerAfterMs, travelMs(traffic.trainDown) + workMs) + travelMs(traffic.trainUp);
  const expectedMs = travelMs(traffic.weightsDown) + steps * roundMs + others * answerAfterMs;
  const isKnown = pace.stepMs !== undefined || linkMbit !== undefined;
  return {
    exchanges,
    leastHours: (exchanges * answerAfterMs) / HOUR_MS,
    expectedHours: isKnown ? expectedMs / HOUR_MS : null,
    mostHours: (exchanges * deadlineMs) / HOUR_MS,
    warnings: warningsOf(document, travelMs(traffic.trainDown) + workMs, roundMs),
  };
}

function warningsOf(document: StudyDocument, readyMs: number, roundMs: number): string[] {
  const { answerAfterMs, deadlineMs } = document.training;
  const [ready, total] = [Math.ceil(readyMs), Math.ceil(roundMs)];
  if (roundMs > deadlineMs)
    return [`A round would take ${total} ms, past the deadline of ${deadlineMs} ms: every answer would be late.`];
  if (readyMs > answerAfterMs)
    return [
      `A site would be ready after ${ready} ms, past answerAfter ${answerAfterMs} ms: when it answers tells how long it worked.`,
    ];
  return [];
}
