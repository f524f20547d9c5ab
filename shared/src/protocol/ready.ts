import { z } from "zod";

/** A site's first envelope in a session: proves that its identity key signed what the coordinator's nonce went into. */
export const Ready = z.strictObject({ type: z.literal("ready") });
export type Ready = z.infer<typeof Ready>;
