import { Failure } from "../failure/failure.ts";
import type { LedgerState, Raise, RaiseSettled, SanitizingBody, StewardRequest, StewardSettled } from "./state.ts";

/** The raise that is settled by this. Whoever asks never grants: that is what makes it two people's decision. */
export function raiseSettledBy(state: LedgerState, body: RaiseSettled): Raise {
  const raise = state.raises.get(body.request);
  const isOwn = body.isGranted && raise?.asked.by === body.by;
  if (raise !== undefined && raise.settled === null && raise.asked.site === body.site && !isOwn) return raise;
  const own = "Whoever asked that a cap be raised can't grant it.";
  throw refused("raise", isOwn ? own : null, "budget show");
}

/** The same of who may decide at a site: nobody lets in whom they asked for. */
export function stewardSettledBy(state: LedgerState, body: StewardSettled): StewardRequest {
  const request = state.newcomers.get(body.request);
  const isOwn = body.isGranted && request?.asked.by === body.by;
  if (request !== undefined && request.settled === null && request.asked.site === body.site && !isOwn) return request;
  const own = "Whoever asked for a steward can't let that person in.";
  throw refused("steward", isOwn ? own : null, "steward list");
}

/** What leaves without a figure, two different people sign for; and whatever is done is charged, or signed for so. */
export function bothSigned({ events, disclosure }: SanitizingBody): void {
  const [first, second] = disclosure?.by ?? [];
  if (disclosure === undefined ? events.length > 0 : first !== second) return;
  throw new Failure({
    code: "ledger/disclosure-by-one",
    kind: "refused",
    what: "What has no figure for a record is an unprotected disclosure, for which two different stewards sign.",
    remedy: "Choose a method with a figure for a record, or name another steward with --second.",
  });
}

function refused(what: "raise" | "steward", own: string | null, look: string): Failure {
  return new Failure({
    code: own === null ? `ledger/${what}-unknown` : `ledger/${what}-by-one`,
    kind: "refused",
    what: own ?? "No such request is waiting.",
    remedy: `See what waits: consilium-site ${look}; another steward grants it.`,
  });
}
