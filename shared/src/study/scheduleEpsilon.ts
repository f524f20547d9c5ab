import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldUpperEpsilon } from "../accountant/pld.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { Failure } from "../failure/failure.ts";
import { ofEachPart, Part } from "../ledger/entry.ts";
import type { StudyDocument } from "./document.ts";
import { eventsOf } from "./noise.ts";

/** ε of a schedule, and which accountant proves it. */
export interface ScheduleEpsilon {
  readonly accountant: "pld" | "rdp";
  /** ∞ where neither proves a bound. */
  readonly epsilon: number;
}

/**
 * ε of events that were all fixed beforehand: by privacy loss distributions where they have any, else by Rényi
 * divergences. Loss distributions compose step by step, whatever the outputs before (Zhu, Dong & Wang 2022,
 * arXiv:2106.08567, Theorem 10), and a step left out costs nothing; more steps than were fixed are not covered.
 */
export function scheduleEpsilon(events: readonly PrivacyEvent[], delta: number): ScheduleEpsilon {
  const key = canonicalJson({ events, delta });
  const known = kept.get(key);
  if (known !== undefined) return known;
  if (kept.size >= KEPT_MAX) kept.clear();
  const figure = computed(events, delta);
  kept.set(key, figure);
  return figure;
}

/** Of each part's patients, the whole signed schedule. */
export function scheduleEpsilons(document: StudyDocument): Readonly<Record<Part, ScheduleEpsilon>> {
  const of = (part: Part) => scheduleEpsilon(eventsOf(document, part), document.privacy.delta);
  return ofEachPart(of);
}

/** Of a patient at one site, in the part that pays most; or at two sites, in the costliest part at each. */
export function costliestSchedule(document: StudyDocument, sites: 1 | 2): ScheduleEpsilon {
  const { delta } = document.privacy;
  const parts = Part.options.map((part) => eventsOf(document, part));
  const choices = sites === 1 ? parts : parts.flatMap((a, i) => parts.slice(i).map((b) => [...a, ...b]));
  const byRdp = choices.map((events) => ({ events, most: epsilonOfEvents(events, delta) })).sort(dearerFirst);
  let worst: ScheduleEpsilon = { accountant: "pld", epsilon: 0 };
  for (const { events, most } of byRdp) {
    // No figure is above RDP's: what follows is cheaper.
    if (most <= worst.epsilon) break;
    const figure = scheduleEpsilon(events, delta);
    if (figure.epsilon > worst.epsilon) worst = figure;
  }
  return worst;
}

function dearerFirst(a: { most: number }, b: { most: number }): number {
  return a.most === b.most ? 0 : b.most - a.most;
}

function computed(events: readonly PrivacyEvent[], delta: number): ScheduleEpsilon {
  const rdp = epsilonOfEvents(events, delta);
  const pld = provenByLosses(events, delta);
  return pld <= rdp ? { accountant: "pld", epsilon: pld } : { accountant: "rdp", epsilon: rdp };
}

/** ∞ where there is no loss distribution. */
function provenByLosses(events: readonly PrivacyEvent[], delta: number): number {
  try {
    return pldUpperEpsilon(events, delta);
  } catch (error) {
    if (error instanceof Failure && error.code === "accountant/unsupported") return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** A release, its verification and a plan ask for the same schedules again and again: a fifth of a second each. */
const kept = new Map<string, ScheduleEpsilon>();
const KEPT_MAX = 200;
