import { State, type Tone } from "@consilium/page/shell/States";
import type { StudySummary } from "../../../src/http/views.ts";

const STUDY_TONE: Record<StudySummary["state"], Tone> = {
  draft: "calm",
  proposed: "calm",
  approved: "calm",
  training: "good",
  paused: "warn",
  trained: "calm",
  auditing: "calm",
  signing: "warn",
  released: "good",
  audited: "calm",
  revoked: "bad",
  rejected: "bad",
  aborted: "bad",
};

export function StudyStateBadge({ state }: { readonly state: StudySummary["state"] }) {
  return <State tone={STUDY_TONE[state]}>{state}</State>;
}
