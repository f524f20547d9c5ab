/** Notices of a whole ledger, the slow and obvious way: after each entry everything is accounted anew. */
import { epsilonOf } from "@consilium/shared/accountant/convert";
import { addCurves, curveOf, ZERO_CURVE } from "@consilium/shared/accountant/rdp";
import type { LedgerEvent } from "@consilium/shared/event/recordEvent";
import { type LedgerEntry, Part } from "@consilium/shared/ledger/entry";

const DAY_MS = 86_400_000;

interface Booked {
  readonly site: string;
  readonly part: string;
  /** Null of a sanitizer's. */
  readonly study: string | null;
  readonly event: LedgerEvent;
  /** Null while it is only reserved: then it counts in every period. */
  readonly day: number | null;
}

interface Bounds {
  epsilon: number;
  perStudy: number;
  readonly studies: Map<string, number>;
  readonly periods: Map<string, number>;
}

/** Each notice as `entry site of-what level`. One data set a site, one δ. */
export function noticesOf(entries: readonly LedgerEntry[], delta: number): string[] {
  const charges = new Map<string, Booked>();
  const bounds = new Map<string, Bounds>();
  const told = new Map<string, number>();
  const notices: string[] = [];
  let today = 0;
  for (const { sequence, at, body } of entries) {
    today = Math.max(today, Math.floor(Date.parse(at) / DAY_MS));
    if (body.kind === "reserved") charges.set(body.charge, { ...body, day: null });
    if (body.kind === "recovered") charges.set(body.charge, { ...body, day: today });
    if (body.kind === "sanitizing")
      for (const part of Part.options)
        for (const [index, event] of body.events.entries())
          charges.set(`${body.charge} ${part} ${index}`, { site: body.site, part, study: null, event, day: today });
    if (body.kind === "acting") {
      const known = charges.get(body.charge);
      if (known !== undefined) charges.set(body.charge, { ...known, day: today });
    }
    if (body.kind === "cancelled") charges.delete(body.charge);
    const isCap = body.kind === "cap-set" || body.kind === "study-cap-set" || body.kind === "period-cap-set";
    if (isCap) setBound(bounds, body);
    if (!isCap && body.kind !== "reserved" && body.kind !== "recovered" && body.kind !== "sanitizing") continue;
    const { site } = body;
    const of = [...charges.values()].filter((charge) => charge.site === site);
    for (const [name, cap, counted] of capsOn(bounds.get(site), of, today)) {
      const level = levelOf(worstPart(counted, delta), cap);
      const since = name.startsWith("calendar") ? new Date(today * DAY_MS).getUTCFullYear() : "";
      const key = `${site} ${name} ${cap} ${since}`;
      const before = told.get(key) ?? 0;
      if (level > before) notices.push(`${sequence} ${site} ${name} ${level}`);
      // A period lets go of what it counted; then its levels are told again.
      if (level > before || /-(days|year)$/.test(name)) told.set(key, level);
    }
  }
  return notices;
}

function setBound(bounds: Map<string, Bounds>, body: Extract<LedgerEntry["body"], { kind: `${string}cap-set` }>): void {
  const none = { epsilon: Number.POSITIVE_INFINITY, perStudy: Number.POSITIVE_INFINITY };
  const known = bounds.get(body.site) ?? { ...none, studies: new Map(), periods: new Map() };
  bounds.set(body.site, known);
  const { epsilon } = body;
  if (body.kind === "cap-set") Object.assign(known, { epsilon, perStudy: body.perStudy ?? none.perStudy });
  else {
    const [kind, key] = body.kind === "study-cap-set" ? [known.studies, body.study] : [known.periods, body.period];
    if (epsilon === null) kind.delete(key);
    else kind.set(key, epsilon);
  }
}

/** Name, ε and what counts, of every cap that a site has. */
function capsOn(
  bounds: Bounds | undefined,
  of: readonly Booked[],
  today: number,
): readonly (readonly [string, number, readonly Booked[]])[] {
  if (bounds === undefined) return [];
  const studies = [...new Set(of.flatMap(({ study }) => study ?? []))].map((study) => {
    const cap = Math.min(bounds.perStudy, bounds.studies.get(study) ?? Number.POSITIVE_INFINITY);
    return [study, cap, of.filter((charge) => charge.study === study)] as const;
  });
  const periods = [...bounds.periods].map(([period, cap]) => {
    const counts = ({ day }: Booked): boolean => day === null || isWithin(period, day, today);
    return [period, cap, of.filter(counts)] as const;
  });
  return [["data set", bounds.epsilon, of] as const, ...studies, ...periods].filter(([, cap]) => Number.isFinite(cap));
}

export function isWithin(period: string, day: number, today: number): boolean {
  if (period !== "calendar-year") return day > today - Number.parseInt(period, 10);
  const year = (of: number): number => new Date(of * DAY_MS).getUTCFullYear();
  return year(day) >= year(today);
}

function worstPart(charges: readonly Booked[], delta: number): number {
  const parts = [...new Set(charges.map(({ part }) => part))];
  return Math.max(
    0,
    ...parts.map((part) =>
      epsilonOfAll(
        charges.filter((one) => one.part === part).map(({ event }) => event),
        delta,
      ),
    ),
  );
}

function levelOf(epsilon: number, cap: number): number {
  return [95, 80, 50].find((level) => epsilon > 0 && epsilon >= (cap * level) / 100) ?? 0;
}

/** Equal events are counted: the same sum, and a long ledger takes no longer. Rounds' and sanitizers' curves add. */
export function epsilonOfAll(events: readonly LedgerEvent[], delta: number): number {
  const counted = new Map<string, LedgerEvent>();
  for (const event of events) {
    const key = JSON.stringify({ ...event, count: 0 });
    counted.set(key, { ...event, count: event.count + (counted.get(key)?.count ?? 0) });
  }
  return epsilonOf([...counted.values()].map(curveOf).reduce(addCurves, ZERO_CURVE), delta);
}
