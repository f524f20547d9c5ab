import type {
  CoordinatorMessage,
  RoundEnd,
  RoundKey,
  RoundSpec,
  ShownLedgers,
} from "@consilium/shared/protocol/messages";
import type { SiteName } from "@consilium/shared/units/identity";
import type { Abandoned, Committed } from "../round/state.ts";
import type { StudyWorld } from "./world.ts";

/**
 * What the coordinator says of rounds: sent to all at once, answers only logged. A message that is lost is said again
 * when the site comes back; nothing that is durable depends on it.
 */
export function announce(
  world: StudyWorld,
  spec: RoundSpec,
  aggregate: Uint8Array | null,
  sites: readonly SiteName[],
  ended?: RoundEnd,
): void {
  const end = ended === undefined ? {} : { ended };
  const say = (shown: ShownLedgers): CoordinatorMessage => ({ type: "round-announced", round: spec, ...end, ...shown });
  for (const site of sites) tellShowing(world, spec.key, site, say, aggregate ?? undefined);
}

export function askAgain(world: StudyWorld, key: RoundKey, site: SiteName): void {
  tell(world, key, site, { type: "contribution-wanted", key });
}

/** Sites keep their packed contributions until they hear this, by itself or with the next announcement. */
export function tellClosed(world: StudyWorld, ended: RoundEnd, sites: readonly SiteName[]): void {
  for (const site of sites) {
    tellShowing(world, ended.key, site, (shown) => ({ type: "round-closed", ...ended, ...shown }));
  }
}

export function endOf(round: Committed | Abandoned): RoundEnd {
  const { key, state } = round;
  return state === "committed" ? { key, outcome: state, result: round.result } : { key, outcome: state };
}

/** Fields of a log line that name a round. */
export function logFields({ study, purpose, round, attempt }: RoundKey): Record<string, string | number> {
  return { study, purpose, round, attempt };
}

/** A message that shows our ledger, where the site is there to see it. */
export function tellShowing(
  world: StudyWorld,
  key: RoundKey,
  site: SiteName,
  say: (shown: ShownLedgers) => CoordinatorMessage,
  attachment?: Uint8Array,
): void {
  if (world.link.isConnected(site)) tell(world, key, site, say(world.ledger.shownTo(site)), attachment);
}

function tell(
  world: StudyWorld,
  key: RoundKey,
  site: SiteName,
  message: CoordinatorMessage,
  attachment?: Uint8Array,
): void {
  const { link, logger } = world;
  if (!link.isConnected(site)) return;
  link.send(site, message, attachment).then(
    (reply) => {
      if (reply.type !== "refused") return;
      logger.warn("message-refused", { ...logFields(key), site, type: message.type, code: reply.refusal.code });
    },
    () => logger.warn("site-not-reached", { ...logFields(key), site, type: message.type }),
  );
}
