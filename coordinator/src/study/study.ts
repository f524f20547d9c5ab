import { Failure } from "@consilium/shared/failure/failure";
import { z } from "zod";

/** Where a study stands. `released` (and `revoked` later), `rejected` and `aborted` are its ends. */
export const StudyState = z.enum([
  "draft",
  "proposed",
  "approved",
  "training",
  "paused",
  "trained",
  "auditing",
  "signing",
  "released",
  /** A second audit of a released model: what it found is published beside the release. */
  "audited",
  "revoked",
  "rejected",
  "aborted",
]);
export type StudyState = z.infer<typeof StudyState>;

/** A study's standing; a paused one knows what it goes on with. */
export type StudyStanding =
  | { readonly state: Exclude<StudyState, "paused"> }
  | { readonly state: "paused"; readonly resumesTo: "training" | "auditing" };

export type StudyEvent =
  | { readonly type: "proposed" }
  /** Every listed site answered, and enough of them approved. */
  | { readonly type: "approved" }
  /** A site withdrew its approval, or can't keep it, before training began. */
  | { readonly type: "reopened" }
  | { readonly type: "started" }
  | { readonly type: "paused" }
  | { readonly type: "resumed" }
  | { readonly type: "trained" }
  | { readonly type: "audit-started" }
  | { readonly type: "gate-passed" }
  | { readonly type: "gate-refused" }
  /** A second audit is done, whatever it found. */
  | { readonly type: "audited-again" }
  /** An auditor whom the study names has the model released that the gate refused. */
  | { readonly type: "overridden" }
  /** The gate let it pass, and the study asks for signatures beside the coordinator's. */
  | { readonly type: "signatures-wanted" }
  | { readonly type: "signed" }
  /** So many refused to sign that the rest can't be enough. */
  | { readonly type: "signatures-refused" }
  | { readonly type: "revoked" }
  | { readonly type: "aborted" };

/** The only place where a study changes state; throws a `Failure` for a move that its state doesn't allow. */
export function moveStudy(study: string, from: StudyStanding, event: StudyEvent): StudyStanding {
  const to = destination(from, event);
  if (to === null) {
    throw new Failure({
      code: "study/not-possible",
      kind: "refused",
      what: `Study ${study} is ${from.state}: it can't be ${WORDS[event.type]} now.`,
      remedy: `See what it waits for: consilium study show ${study}.`,
      fields: { study, state: from.state },
    });
  }
  return to;
}

function destination(from: StudyStanding, event: StudyEvent): StudyStanding | null {
  if (event.type === "aborted") return isEnded(from.state) ? null : { state: "aborted" };
  switch (from.state) {
    case "draft":
      return event.type === "proposed" ? { state: "proposed" } : null;
    case "proposed":
      return event.type === "approved" ? { state: "approved" } : null;
    case "approved":
      if (event.type === "reopened") return { state: "proposed" };
      return event.type === "started" ? { state: "training" } : null;
    case "training":
      if (event.type === "paused") return { state: "paused", resumesTo: "training" };
      return event.type === "trained" ? { state: "trained" } : null;
    case "trained":
      return event.type === "audit-started" ? { state: "auditing" } : null;
    case "auditing":
      if (event.type === "paused") return { state: "paused", resumesTo: "auditing" };
      if (event.type === "gate-passed") return { state: "released" };
      if (event.type === "audited-again") return { state: "audited" };
      if (event.type === "signatures-wanted") return { state: "signing" };
      return event.type === "gate-refused" ? { state: "rejected" } : null;
    case "paused":
      return event.type === "resumed" ? { state: from.resumesTo } : null;
    case "signing":
      if (event.type === "signed") return { state: "released" };
      return event.type === "signatures-refused" ? { state: "rejected" } : null;
    case "released":
      return event.type === "revoked" ? { state: "revoked" } : null;
    case "rejected":
      return event.type === "overridden" ? { state: "auditing" } : null;
    case "audited":
    case "revoked":
    case "aborted":
      return null;
  }
}

export function isEnded(state: StudyState): boolean {
  return (
    state === "released" || state === "audited" || state === "revoked" || state === "rejected" || state === "aborted"
  );
}

const WORDS: Record<StudyEvent["type"], string> = {
  proposed: "proposed",
  approved: "approved",
  reopened: "opened again",
  started: "started",
  paused: "paused",
  resumed: "resumed",
  trained: "called trained",
  "audit-started": "audited",
  "gate-passed": "released",
  "gate-refused": "rejected",
  "audited-again": "audited again",
  overridden: "released against its gate",
  "signatures-wanted": "put up for signing",
  signed: "released",
  "signatures-refused": "rejected",
  revoked: "revoked",
  aborted: "stopped",
};

/** Whether it may have charged something: what it plans must not be counted on top any more. */
export function hasBegun({ state }: StudyStanding): boolean {
  return state !== "draft" && state !== "proposed" && state !== "approved";
}
