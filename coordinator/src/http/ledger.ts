import { z } from "zod";
import { siteRecord, witnessedHeads } from "../storage/consortium.ts";
import { entriesBefore } from "../storage/ledgerPages.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { LEDGER_PAGE_MAX, LedgerPage, LedgerSummary, LedgerVerification, SignedLedger } from "./views.ts";

const PageQuery = z.object({
  before: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(LEDGER_PAGE_MAX).default(50),
});

export function ledgerEndpoints({ store, world }: Service): Endpoint[] {
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
        lost: [...world.ledger.lost()].map(([site, { message, remedy }]) => ({ site, what: message, remedy })),
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
      method: "get",
      path: "/api/ledger/verify",
      summary: "Reads the whole chain from the disk again: form, hashes, signatures",
      perMinuteMax: 12,
      reply: LedgerVerification,
      handle: () => ({ entries: store.verify(), verified: true as const }),
    }),
  ];
}
