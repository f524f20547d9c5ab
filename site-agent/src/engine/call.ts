import { z } from "zod";
import { EngineReply, EngineRequest } from "./message.ts";

/** A request on its way to the engine process, and the reply that bears its number. */
export const EngineCall = z.strictObject({ id: z.number().int().nonnegative(), request: EngineRequest });
export type EngineCall = z.infer<typeof EngineCall>;

export const EngineAnswer = z.strictObject({ id: z.number().int().nonnegative(), reply: EngineReply });
export type EngineAnswer = z.infer<typeof EngineAnswer>;
