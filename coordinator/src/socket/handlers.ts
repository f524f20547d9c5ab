import type { Consortium } from "../consortium/consortium.ts";
import { admissionRefusal } from "../ledger/admission.ts";
import { RefusalLog } from "../ledger/refusalLog.ts";
import type { Restores } from "../ledger/restores.ts";
import { heldSanitizings, takeSanitizings } from "../ledger/sanitizings.ts";
import type { Releases } from "../release/releases.ts";
import { ACCEPTED } from "../study/contributions.ts";
import type { Studies } from "../study/studies.ts";
import type { StudyWorld } from "../study/world.ts";
import type { AgentHandlers } from "./serverOptions.ts";

/** Whom a site's messages are for. */
export interface Parties {
  readonly studies: Studies;
  readonly consortium: Consortium;
  readonly restores: Restores;
  readonly releases: Releases;
}

/** By these a site says that it lost, or rewrote, entries of its own ledger that we saw. */
const OWN_LEDGER_LOST: readonly string[] = ["ledger/behind", "ledger/forked"];

/** What happens with what comes over the sites' links. */
export function handlersOf(world: StudyWorld, { studies, consortium, restores, releases }: Parties): AgentHandlers {
  const { logger } = world;
  const refusals = new RefusalLog(world.ledger, logger, () => world.clock.now());
  return {
    onMessage: async (site, message, attachment) => {
      switch (message.type) {
        case "certificate-wanted":
          return { type: "accepted", certificate: await consortium.renew(site, message.csr) };
        case "sanitizings-told":
          if (takeSanitizings(world, site, message) > 0) {
            logger.info("sanitizings-taken", { site });
            world.changed("ledger", null);
            world.changed("budgets", null);
          }
          return ACCEPTED;
        case "release-answered":
          await releases.onAnswered(site, message);
          return ACCEPTED;
        case "ledger-wanted":
          restores.wanted(site);
          return ACCEPTED;
        case "ledger-told":
          restores.told(site, message, attachment);
          world.changed("ledger", null);
          return ACCEPTED;
        case "round-declined":
          if (OWN_LEDGER_LOST.includes(message.refusal.code)) restores.siteForked(site);
          return studies.onMessage(site, message, attachment);
        default:
          return studies.onMessage(site, message, attachment);
      }
    },
    admit: (site, ready) => admissionRefusal(world, restores, site, ready),
    onConnected: (site) => {
      logger.info("site-connected", { site });
      world.changed("sites", null);
      const held = heldSanitizings(world, site);
      if (held !== null)
        world.link.send(site, held).catch(() => logger.warn("site-not-reached", { site, type: held.type }));
      // Once this link is the site's: what is sent before would find none.
      if (restores.isApart(site)) restores.begin(site);
      else {
        studies.onConnected(site);
        releases.onConnected(site);
      }
    },
    onDisconnected: (site) => {
      logger.info("site-disconnected", { site });
      world.changed("sites", null);
      studies.onDisconnected(site);
    },
    onRefusal: ({ site, code, refusal, address }) => {
      if (site === null) refusals.noteStranger(address, code);
      else refusals.note(site, code, refusal.what);
    },
    onFault: (error) => logger.error("listener-fault", { why: String(error).slice(0, 300) }),
  };
}
