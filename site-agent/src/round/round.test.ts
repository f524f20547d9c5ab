import { digestOf } from "@consilium/shared/encoding/digest";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import { StudyName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { asCharged, publicRefusal } from "../disclosure/outgoing.ts";
import { advance, NO_ROUND, type RoundEffect, type RoundEvent, recover, type SiteRound } from "./round.ts";
import { simulate } from "./simulation.test-support.ts";

const key = (round: number, attempt = 1): RoundKey => ({
  study: StudyName.parse("heart"),
  purpose: "train",
  round,
  attempt,
});
const content = asCharged({ digest: digestOf("packed"), bytes: 6 });
const refusal = publicRefusal("budget/exceeded", "over", "none");

/** Runs events in order; returns the last state and all effects' types with their key. */
function run(events: readonly RoundEvent[], from: SiteRound = NO_ROUND): { round: SiteRound; effects: string[] } {
  let round = from;
  const effects: RoundEffect[] = [];
  for (const event of events) {
    const step = advance(round, event);
    round = step.round;
    effects.push(...step.effects);
  }
  return { round, effects: effects.map((effect) => `${effect.type} ${effect.key.round}.${effect.key.attempt}`) };
}

const untilComputed = (k: RoundKey): RoundEvent[] => [
  { type: "announced", key: k, refusal: null },
  { type: "model-ready", key: k },
  { type: "booked", key: k },
  { type: "computed", key: k, content },
];

describe("[RND20] a site books reserve and acting before it computes, and computes at most once for an attempt", () => {
  test("the whole way", () => {
    const { round, effects } = run([
      ...untilComputed(key(1)),
      { type: "answer-time", key: key(1) },
      { type: "accepted", key: key(1) },
      { type: "closed", key: key(1), outcome: "committed" },
    ]);
    expect(effects).toEqual([
      "start-answer-timer 1.1",
      "prepare-model 1.1",
      "book 1.1",
      "compute 1.1",
      "offer 1.1",
      "end 1.1",
    ]);
    expect(round).toEqual({ newest: { state: "closed", key: key(1) }, committedRound: 1 });
  });

  test("announced twice, booked twice: computed once", () => {
    const twice = untilComputed(key(1)).flatMap((event) => [event, event]);
    expect(run(twice).effects.filter((effect) => effect.startsWith("compute"))).toHaveLength(1);
  });
});

describe("[RND21] a site answers at the fixed public time, or at the next one", () => {
  test("ready early: waits", () => {
    expect(run([...untilComputed(key(1)), { type: "wanted", key: key(1) }]).effects).not.toContain("offer 1.1");
  });
  test("ready late: waits for the next public time", () => {
    const [announced, ready, booked, computed] = untilComputed(key(1));
    if (!announced || !ready || !booked || !computed) throw new Error("four events");
    const late = [announced, ready, { type: "answer-time", key: key(1) }, booked, computed] as const;
    expect(run(late).effects.at(-1)).toBe("start-answer-timer 1.1");
    expect(run([...late, { type: "wanted", key: key(1) }]).effects).not.toContain("offer 1.1");
    expect(run([...late, { type: "answer-time", key: key(1) }]).effects.at(-1)).toBe("offer 1.1");
  });
  test("failed late: the refusal waits for the next public time too", () => {
    const begun: RoundEvent[] = [...untilComputed(key(1)).slice(0, 3), { type: "answer-time", key: key(1) }];
    const failed: RoundEvent[] = [...begun, { type: "computing-failed", key: key(1) }];
    expect(run(failed).effects).not.toContain("decline 1.1");
    expect(run([...failed, { type: "answer-time", key: key(1) }]).effects.at(-1)).toBe("decline 1.1");
  });
  test("a lost computation is told at the fixed time, not before", () => {
    const failed: RoundEvent[] = [...untilComputed(key(1)).slice(0, 3), { type: "computing-failed", key: key(1) }];
    expect(run(failed).effects).not.toContain("decline 1.1");
    expect(run([...failed, { type: "answer-time", key: key(1) }]).effects.at(-1)).toBe("decline 1.1");
  });
});

describe("[RND22] a refused attempt books nothing and says why", () => {
  test.each<{ why: string; events: RoundEvent[] }>([
    { why: "by this site's checks", events: [{ type: "announced", key: key(1), refusal }] },
    {
      why: "by the ledger when it books",
      events: [
        ...untilComputed(key(1)).slice(0, 2),
        { type: "booking-refused", key: key(1), refusal },
        { type: "answer-time", key: key(1) },
      ],
    },
  ])("$why", ({ events }) => {
    const { effects } = run(events);
    expect(effects.at(-1)).toBe("decline 1.1");
    expect(effects).not.toContain("compute 1.1");
  });
});

describe("[RND23] an attempt once closed, a committed round, and an earlier attempt are never acted on again", () => {
  const closed = run([...untilComputed(key(5, 2)), { type: "closed", key: key(5, 2), outcome: "abandoned" }]).round;
  test.each([key(5, 2), key(5, 1), key(4, 9)])("%o after 5.2 was abandoned", (k) => {
    expect(run([{ type: "announced", key: k, refusal: null }], closed).effects).toEqual([
      `decline ${k.round}.${k.attempt}`,
    ]);
  });
  test("a new attempt of the abandoned round starts", () => {
    expect(run([{ type: "announced", key: key(5, 3), refusal: null }], closed).effects).toContain("prepare-model 5.3");
  });
  test("a new attempt of a committed round does not", () => {
    const committed = run([{ type: "closed", key: key(5, 3), outcome: "committed" }], closed).round;
    expect(run([{ type: "announced", key: key(5, 4), refusal: null }], committed).effects).toEqual(["decline 5.4"]);
  });
});

describe("[RND24] after a restart, acting without a persisted contribution is spent and dead", () => {
  test("asked for it, the site has none", () => {
    const round = { newest: recover({ state: "acting", key: key(3) }), committedRound: 2 };
    expect(run([{ type: "wanted", key: key(3) }], round).effects).toEqual(["decline 3.1"]);
    expect(run([{ type: "announced", key: key(3), refusal: null }], round).effects).toEqual(["decline 3.1"]);
    expect(run([{ type: "announced", key: key(3, 2), refusal: null }], round).effects).toContain("prepare-model 3.2");
  });
  test("a persisted one comes back as it was", () => {
    const round = { newest: recover({ state: "computed", key: key(3), content }), committedRound: 2 };
    const step = advance(round, { type: "wanted", key: key(3) });
    expect(step.effects).toEqual([{ type: "offer", key: key(3), content }]);
  });
});

/** The seeds of one run; more by CONSILIUM_SIMULATION_SEEDS in the simulation command. */
const SEEDS = 2_000;

describe("[RND25] whatever is lost, doubled, reordered, or crashes: one charge, one computation, one content", () => {
  test(`${SEEDS} seeded histories`, () => {
    const totals = { computed: 0, crashes: 0, resent: 0, lost: 0, committed: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = simulate(seed);
      expect(outcome.violations, `seed ${seed}:\n${outcome.trace.join("\n")}`).toEqual([]);
      totals.computed += outcome.computed;
      totals.crashes += outcome.crashes;
      totals.resent += outcome.resent;
      totals.lost += outcome.lost;
      totals.committed += outcome.committed;
    }
    // The histories reach what they are meant to test.
    for (const [what, count] of Object.entries(totals)) expect(count, what).toBeGreaterThan(SEEDS / 10);
  });
});
