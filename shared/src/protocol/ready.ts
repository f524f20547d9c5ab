import { z } from "zod";
import { LedgerHead } from "../ledger/entry.ts";
import { SignedHead } from "./messages.ts";

/**
 * A site's first envelope in a session: proves that its identity key signed what the coordinator's nonce went into, and
 * tells where both ledgers stand for it, so that one that was restored from an older copy is found before it acts.
 */
export const Ready = z.strictObject({
  type: z.literal("ready"),
  /** Head of the site's own ledger. */
  own: SignedHead,
  /** Newest head of the coordinator's ledger that the site took for good, as the coordinator signed it. */
  held: SignedHead.nullable(),
  /** Head of the site's own ledger that it lost last and goes on without; absent where it never lost any. */
  forgone: LedgerHead.optional(),
});
export type Ready = z.infer<typeof Ready>;
