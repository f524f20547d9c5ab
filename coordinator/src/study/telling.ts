import type { CoordinatorMessage, RoundKey, RoundSpec } from "@consilium/shared/protocol/messages";
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
): void {
  const message: CoordinatorMessage = { type: "round-announced", round: spec, head: world.ledger.head() };
  for (const site of sites) tell(world, spec.key, site, message, aggregate ?? undefined);
}

export function askAgain(world: StudyWorld, key: RoundKey, site: SiteName): void {
  tell(world, key, site, { type: "contribution-wanted", key });
}

/** Sites keep their packed contributions until they hear this. */
export function tellClosed(world: StudyWorld, round: Committed | Abandoned, sites: readonly SiteName[]): void {
  const { key } = round;
  const end =
    round.state === "committed"
      ? ({ outcome: "committed", result: round.result } as const)
      : ({ outcome: "abandoned" } as const);
  const message: CoordinatorMessage = { type: "round-closed", key, ...end, head: world.ledger.head() };
  for (const site of sites) tell(world, key, site, message);
}

/** Fields of a log line that name a round. */
export function logFields({ study, purpose, round, attempt }: RoundKey): Record<string, string | number> {
  return { study, purpose, round, attempt };
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
