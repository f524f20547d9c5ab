import { Failure } from "@consilium/shared/failure/failure";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isEnded, moveStudy, type StudyEvent, type StudyStanding } from "./study.ts";

const EVENTS = [
  "proposed",
  "approved",
  "reopened",
  "started",
  "paused",
  "resumed",
  "trained",
  "audit-started",
  "gate-passed",
  "gate-refused",
  "overridden",
  "signatures-wanted",
  "signed",
  "signatures-refused",
  "revoked",
  "aborted",
] as const;

const AUDITED = ["proposed", "approved", "started", "trained", "audit-started"] as const;

function walk(events: readonly StudyEvent["type"][]): StudyStanding {
  return events.reduce<StudyStanding>((standing, type) => moveStudy("heart", standing, { type }), { state: "draft" });
}

describe("[STU1] a study moves only along its life", () => {
  test.each([
    [["proposed", "approved", "started", "trained", "audit-started", "gate-passed"], "released"],
    [["proposed", "approved", "started", "trained", "audit-started", "gate-refused"], "rejected"],
    [[...AUDITED, "gate-refused", "overridden", "gate-passed"], "released"],
    [[...AUDITED, "signatures-wanted", "signed", "revoked"], "revoked"],
    [[...AUDITED, "signatures-wanted", "signatures-refused"], "rejected"],
    [["proposed", "approved", "started", "paused", "resumed", "aborted"], "aborted"],
    [["proposed", "approved", "reopened"], "proposed"],
  ] as const)("%j ends %s", (events, state) => {
    expect(walk(events).state).toBe(state);
  });

  test("a paused audit resumes as an audit, not as training", () => {
    expect(walk(["proposed", "approved", "started", "trained", "audit-started", "paused", "resumed"]).state).toBe(
      "auditing",
    );
  });

  test("nothing is released but from an audit, whatever the order of events", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }), (events) => {
        let standing: StudyStanding = { state: "draft" };
        for (const type of events) {
          const before: StudyStanding = standing;
          try {
            standing = moveStudy("heart", before, { type });
          } catch (error) {
            expect(error).toBeInstanceOf(Failure);
            continue;
          }
          // What ended goes on by two ways alone: a release is revoked, and a refused model overridden.
          if (isEnded(before.state)) expect(["revoked", "overridden"]).toContain(type);
          if (standing.state === "released" || standing.state === "rejected")
            expect(["auditing", "signing"]).toContain(before.state);
          if (standing.state === "revoked") expect(before.state).toBe("released");
          if (standing.state === "training") expect(["approved", "paused"]).toContain(before.state);
        }
      }),
    );
  });
});
