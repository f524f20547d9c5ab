import { StudyName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import type { EngineRequest } from "../engine/message.ts";
import { Ends, type EndsOptions } from "./ends.ts";
import { announcement, document, headAt } from "./siteBench.test-support.ts";

const { key } = announcement(1).round;

/** A world in which the study's model has so many parameters, and what is asked of the engine in it. */
function worldOf(parameterCount: number): { ends: Ends; requests: EngineRequest[] } {
  const requests: EngineRequest[] = [];
  const charges = { normalise: [], reference: [], train: [], evaluate: [], shadow: [], choose: [], audit: [] };
  const digest = headAt(1).head.hash;
  const standing = {
    document,
    digest,
    state: "approved",
    frozen: null,
    parameterCount,
    charges,
    dataset: null,
  } as const;
  const options: EndsOptions = {
    book: {
      standing: (study) => (study === StudyName.parse(document.name) ? standing : null),
      end: () => undefined,
      closed: () => undefined,
      flush: () => ({ ended: [key], countersigned: null }),
    },
    clock: { nowMs: () => 0, at: () => () => undefined },
    engine: {
      request: async (request) => {
        requests.push(request);
        return { type: "done" };
      },
    },
    link: { send: async () => ({ type: "accepted" }) },
    outbox: "nowhere",
  };
  const ends = new Ends(options, (_, work) => void work);
  return { ends, requests };
}

describe("[ENG9] noise is made ahead for the attempt that comes next", () => {
  test("of a large model: the next round, or this one again, as long as the study plans it", () => {
    const { ends, requests } = worldOf(1_000_000);
    ends.closed({ key, outcome: "committed" }, headAt(1));
    ends.closed({ key, outcome: "abandoned" }, headAt(2));
    ends.closed({ key: { ...key, round: document.training.rounds }, outcome: "committed" }, headAt(3));
    ends.closed({ key: { ...key, purpose: "evaluate" }, outcome: "committed" }, headAt(4));
    expect(requests).toEqual([
      { type: "prepare-noise", key: { ...key, round: 2 } },
      { type: "prepare-noise", key: { ...key, attempt: 2 } },
    ]);
  });

  test("of a large model: what an ended attempt did not use is wiped", async () => {
    const { ends, requests } = worldOf(1_000_000);
    ends.written();
    await expect.poll(() => requests).toEqual([{ type: "abandon", key }]);
  });

  test("of a small one it takes less time than asking for it", () => {
    const { ends, requests } = worldOf(100);
    ends.closed({ key, outcome: "committed" }, headAt(1));
    ends.written();
    expect(requests).toEqual([]);
  });
});
