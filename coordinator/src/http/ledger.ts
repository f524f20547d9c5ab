import { LedgerHead, REASON_LENGTH_MAX } from "@consilium/shared/ledger/entry";
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { siteRecord, witnessedHeads } from "../storage/consortium.ts";
import { entriesBefore } from "../storage/ledgerPages.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { LEDGER_PAGE_MAX, LedgerPage, LedgerSummary, SignedLedger } from "./views.ts";

const PageQuery = z.object({
  before: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(LEDGER_PAGE_MAX).default(50),
});

/** Why the operator goes on from a restored ledger: kept in the ledger. */
export const RestoreRequest = z
  .strictObject({ reason: z.string().min(1).max(REASON_LENGTH_MAX) })
  .meta({ id: "RestoreRequest" });

export const RestoreAcceptance = z
  .strictObject({
    /** A `restore-accepted` entry each. */
    accepted: z.array(z.object({ site: SiteName, lost: LedgerHead, accepted: LedgerHead })),
    /** Sites that still stay out, and what they wait for. */
    waiting: z.array(z.strictObject({ site: SiteName, what: z.string(), remedy: z.string() })),
  })
  .meta({ id: "RestoreAcceptance" });

export const LedgerVerification = z
  .strictObject({ entries: z.number().int().nonnegative(), verified: z.literal(true) })
  .meta({ id: "LedgerVerification" });

export function ledgerEndpoints({ store, world, restores }: Service): Endpoint[] {
  return [
    endpoint({
      method: "get",
      path: "/api/ledger",
      summary: "The ledger's head, and the sites' heads that it witnessed",
      reply: LedgerSummary,
      // A ledger that can't be verified stops the process at its start.
      handle: () => ({ head: store.head(), witnessed: [...witnessedHeads(world.sql)], verified: true }),
    }),
    endpoint({
      method: "get",
      path: "/api/ledger/signed",
      summary: "The ledger's signed head, and the sites' countersignatures of it",
      reply: SignedLedger,
      handle: () => ({
        head: world.ledger.head(),
        key: world.signer.publicKey,
        roster: world.roster(),
        countersigned: world.roster().roster.sites.flatMap(({ site }) => {
          const signed = world.countersigned.get(site) ?? siteRecord(world.sql, site).countersigned;
          return signed === null ? [] : [{ party: site, ...signed }];
        }),
        lost: [...restores.waiting()],
      }),
    }),
    endpoint({
      method: "get",
      path: "/api/ledger/entries",
      summary: "Entries, newest first, a page at a time",
      reply: LedgerPage,
      handle: ({ query }) => {
        const { before, limit } = PageQuery.parse(query);
        const entries = entriesBefore(world.sql, before ?? store.head().sequence + 1, limit);
        const oldest = entries.at(-1)?.sequence ?? 1;
        return { entries: [...entries], olderBefore: oldest > 1 ? oldest : null };
      },
    }),
    endpoint({
      method: "post",
      path: "/api/ledger/restore-acceptances",
      summary: "Goes on from a ledger that was restored from an older copy, ours or a connected site's",
      access: "lead",
      body: RestoreRequest,
      reply: RestoreAcceptance,
      handle: ({ body, session }) => {
        const { accepted, waiting } = restores.accept(session?.name ?? "unknown", body.reason);
        world.changed("ledger", null);
        world.changed("sites", null);
        return { accepted: [...accepted], waiting: [...waiting] };
      },
    }),
    endpoint({
      method: "get",
      path: "/api/ledger/verify",
      summary: "Reads the whole chain from the disk again: form, hashes, signatures",
      perMinuteMax: 12,
      reply: LedgerVerification,
      handle: async () => ({ entries: await store.verify(), verified: true as const }),
    }),
  ];
}
