import { z } from "zod";

/** What a steward would grant of a study that was refused as it stands: the same, at this ε and the study's own δ. */
export const CounterOffer = z.strictObject({ epsilon: z.number().positive().brand<"Epsilon">() });
export type CounterOffer = z.infer<typeof CounterOffer>;
