/** What a simulated site truly did to its patients, whatever any ledger says later. */
import type { LedgerEvent } from "@consilium/shared/event/recordEvent";
import { type ChargeId, Part } from "@consilium/shared/ledger/entry";
import type { StudyName } from "@consilium/shared/units/identity";
import { epsilonOfAll } from "./noticeOracle.test-support.ts";

/** What a site did, for ever. */
export interface Deed {
  readonly charge: ChargeId;
  /** Null of a sanitizer's: no study's, and done to all parts. */
  readonly study: StudyName | null;
  readonly part: Part | null;
  readonly event: LedgerEvent;
  /** The coordinator has a head of the site's ledger with it. */
  isSeen: boolean;
}

/** ε of the part to which most was done. */
export function truthOf(deeds: readonly Deed[], delta: number): number {
  const of = (part: Part): number =>
    epsilonOfAll(
      deeds.filter((deed) => deed.part === null || deed.part === part).map(({ event }) => event),
      delta,
    );
  return Math.max(...Part.options.map(of));
}
