import { assert } from "@consilium/shared/failure/failure";
import type { RoundSpec, SignedHead } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { commitBodies, witnessBodies } from "../ledger/bookings.ts";
import type { Round } from "../round/state.ts";
import { noteHeads } from "../storage/consortium.ts";
import { closeRound, type SiteAnswer } from "../storage/rounds.ts";
import { type Outcome, saveOutcome } from "./outcome.ts";
import type { StudyWorld } from "./world.ts";

export interface ClosingRound {
  readonly document: StudyDocument;
  readonly spec: RoundSpec;
  readonly round: Round;
  /** Heads that the sites' contributions showed. */
  readonly heads: ReadonlyMap<SiteName, SignedHead>;
}

/** In a transaction: charges committed, sites' heads witnessed, the round closed and its outcome kept. */
export function bookCommit(world: StudyWorld, closing: ClosingRound, outcome: Outcome, result: Digest): void {
  const { document, spec, round, heads } = closing;
  assert(round.state === "aggregated", "only an aggregate is committed");
  const { sql, ledger, clock } = world;
  const at = clock.now().toISOString();
  // Another study's round may have shown a newer head of the same site meanwhile; an older one tells nothing.
  const newer = [...heads].filter(
    ([site, { head }]) => round.contributors.has(site) && head.sequence > (ledger.witnessed(site)?.sequence ?? -1),
  );
  ledger.append([
    ...commitBodies(document, spec.key, round.contributors.keys(), result),
    ...witnessBodies(newer.map(([, head]) => head)),
  ]);
  const shown = new Map(newer);
  for (const site of spec.cohort) {
    const head = shown.get(site);
    const countersigned = world.countersigned.get(site);
    if (head === undefined && countersigned === undefined) continue;
    noteHeads(sql, site, at, { head, countersigned });
  }
  closeRound(sql, spec.key, { outcome: "committed", answers: answersOf(world, round), result, at });
  saveOutcome(world, document.name, outcome);
}

/** In a transaction: the attempt ends without a result. Its charges stay acting, which is spent. */
export function bookAbandon(world: StudyWorld, { spec, round }: ClosingRound): void {
  const at = world.clock.now().toISOString();
  closeRound(world.sql, spec.key, { outcome: "abandoned", answers: answersOf(world, round), result: null, at });
}

/** What each cohort site did, when the round is over. */
function answersOf(world: StudyWorld, round: Round): Map<SiteName, SiteAnswer> {
  const isCounted = round.state === "aggregated" || round.state === "abandoned";
  const contributors = isCounted ? round.contributors : null;
  const declined = isCounted ? round.declined : null;
  return new Map(
    [...round.cohort].map((site) => {
      if (contributors?.has(site) === true) return [site, "answered"];
      if (declined?.has(site) === true) return [site, "declined"];
      return [site, world.link.isConnected(site) ? "late" : "absent"];
    }),
  );
}
