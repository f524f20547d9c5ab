import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { assert, unreachable } from "@consilium/shared/failure/failure";
import type { BlobReference, RoundKey } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { EngineRequest } from "../engine/message.ts";
import type { StudyStanding } from "./announcement.ts";
import type { RoundEngine } from "./ports.ts";

/**
 * Has the engine act once: the ledger says so already. Null for every way to fail: what went wrong may hang on a
 * record, so nothing of it goes further. Stops on events other than those that both ledgers booked.
 */
export async function contribute(
  engine: RoundEngine,
  { document, charges }: StudyStanding,
  key: RoundKey,
  path: string,
): Promise<BlobReference | null> {
  const reply = await engine.request(engineRequest(document, key, path));
  if (reply.type !== "written") return null;
  const planned = charges[key.purpose].map(({ event }) => event);
  assert(canonicalJson(reply.events) === canonicalJson(planned), "the engine's events are the study's planned charges");
  return { digest: reply.digest, bytes: reply.bytes };
}

function engineRequest({ evaluation, audit }: StudyDocument, key: RoundKey, path: string): EngineRequest {
  switch (key.purpose) {
    case "train":
      return { type: "step", key, path };
    case "evaluate": {
      const { epsilon, bins } = evaluation;
      return { type: "score", key, path, what: { purpose: "evaluate", epsilon, bins } };
    }
    case "audit": {
      const { attacks, bins, epsilon } = audit;
      return { type: "score", key, path, what: { purpose: "audit", attacks, bins, epsilon } };
    }
    default:
      return unreachable(key.purpose);
  }
}
