import { digestOf } from "@consilium/shared/encoding/digest";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import { type Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, CONTRIBUTION_FAILURES_MAX, planned } from "./round.ts";
import type { Round, RoundEffect, RoundEvent, RoundPlan } from "./state.ts";

const [a, b, c, stranger] = ["a", "b", "c", "x"].map((name) => SiteName.parse(name)) as [
  SiteName,
  SiteName,
  SiteName,
  SiteName,
];
const key: RoundKey = { study: StudyName.parse("heart"), purpose: "train", round: 3, attempt: 1 };
const plan: RoundPlan = { key, cohort: new Set([a, b, c]), minSites: 2, onDropout: "continue" };

const bytesOf = (site: string): Digest => digestOf(`bytes of ${site}`);
const offer = (site: SiteName, digest = bytesOf(site)): RoundEvent => ({
  type: "contribution-offered",
  site,
  key,
  content: { digest, bytes: 10 },
});
const received = (site: SiteName, digest = bytesOf(site)): RoundEvent => ({
  type: "contribution-received",
  site,
  key,
  digest,
});

function play(events: readonly RoundEvent[], from: RoundPlan = plan): { round: Round; effects: RoundEffect[] } {
  let round: Round = planned(from);
  const effects: RoundEffect[] = [];
  for (const event of [{ type: "announced" } as const, ...events]) {
    const step = advance(round, event);
    round = step.round;
    effects.push(...step.effects);
  }
  return { round, effects };
}

const refusals = (effects: readonly RoundEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === "refuse" ? [effect.code] : []));

describe("[RND1] a round closes when every site answered, or at its deadline", () => {
  test("all answered: aggregated, folded once after the last add, committed, told", () => {
    const collected = play([a, b, c].flatMap((site) => [offer(site), received(site)]));
    expect(collected.round.state).toBe("aggregated");
    const order = collected.effects.map(({ type }) => type).filter((type) => type === "add" || type === "fold");
    expect(order).toEqual(["add", "add", "add", "fold"]);
    const result = digestOf("model");
    const folded = advance(collected.round, { type: "aggregated", result });
    expect(folded.effects).toEqual([{ type: "commit", result }]);
    const committed = advance(folded.round, { type: "committed" });
    expect(committed).toMatchObject({ round: { state: "committed", result }, effects: [{ type: "tell-closed" }] });
  });

  test("at the deadline the rest go on without the silent site", () => {
    const { round, effects } = play([offer(a), received(a), offer(b), received(b), { type: "deadline-passed" }]);
    expect(round.state).toBe("aggregated");
    expect(effects.at(-1)).toEqual({ type: "fold", contributors: [a, b] });
  });

  test("too few sites: abandoned, nothing folded", () => {
    const { round, effects } = play([offer(a), received(a), { type: "deadline-passed" }]);
    expect(round).toMatchObject({ state: "abandoned", reason: "too-few-sites" });
    expect(effects.some(({ type }) => type === "fold")).toBe(false);
  });

  test("under `wait` the deadline only tells whom it waits for", () => {
    const waiting = play([offer(a), received(a), offer(b), received(b), { type: "deadline-passed" }], {
      ...plan,
      onDropout: "wait",
    });
    expect(waiting.round.state).toBe("collecting");
    expect(waiting.effects.at(-1)).toEqual({ type: "notice", notice: "waiting", sites: [c] });
    const back = advance(waiting.round, { type: "site-returned", site: c });
    expect(back.effects).toEqual([{ type: "ask-again", site: c }]);
  });

  test("a site that declines is not waited for", () => {
    const { round } = play([offer(a), received(a), offer(b), received(b), { type: "declined", site: c, key }]);
    expect(round.state).toBe("aggregated");
  });
});

describe("[RND2] what is out of turn is refused by name and changes nothing", () => {
  const refused: [string, RoundEvent[], string][] = [
    ["a stranger", [offer(stranger)], "round/not-in-cohort"],
    ["another attempt", [{ ...offer(a), key: { ...key, attempt: 2 } } as RoundEvent], "round/wrong-attempt"],
    ["another round", [{ type: "declined", site: a, key: { ...key, round: 2 } }], "round/wrong-attempt"],
    ["a second contribution", [offer(a), received(a), offer(a)], "round/duplicate"],
    ["other bytes in one attempt", [offer(a), offer(a, digestOf("other"))], "round/not-identical"],
    ["bytes other than offered", [offer(a), received(a, digestOf("other"))], "round/not-identical"],
    ["bytes without an offer", [received(a)], "round/not-offered"],
    ["a contribution after declining", [{ type: "declined", site: a, key }, offer(a)], "round/declined"],
    ["declining after an offer", [offer(a), { type: "declined", site: a, key }], "round/not-identical"],
    ["late", [offer(a), received(a), offer(b), received(b), { type: "deadline-passed" }, offer(c)], "round/late"],
  ];
  test.each(refused)("%s", (_name, events, code) => {
    const before = play(events.slice(0, -1));
    const last = events.at(-1);
    if (last === undefined) throw new Error("a case needs an event");
    const after = advance(before.round, last);
    expect(refusals(after.effects)).toEqual([code]);
    expect(after.round).toBe(before.round);
  });

  test("an early answer, before the round was announced", () => {
    expect(refusals(advance(planned(plan), offer(a)).effects)).toEqual(["round/not-announced"]);
  });

  test("bytes that fail too often are not asked for again", () => {
    const failed: RoundEvent = { type: "contribution-failed", site: a, key };
    const { effects } = play([offer(a), ...Array.from({ length: CONTRIBUTION_FAILURES_MAX }, () => failed)]);
    expect(effects.filter(({ type }) => type === "ask-again")).toHaveLength(CONTRIBUTION_FAILURES_MAX - 1);
  });
});

describe("[RND3] after a restart every site is asked again and the sum starts from zero", () => {
  test.each<[string, RoundEvent[]]>([
    ["collecting", [offer(a), received(a)]],
    ["aggregated", [a, b, c].flatMap((site) => [offer(site), received(site)])],
  ])("in %s", (_state, events) => {
    const before = play(events);
    const after = advance(before.round, { type: "restarted" });
    expect(after.round).toMatchObject({ state: "collecting", received: new Map() });
    expect(after.effects.filter(({ type }) => type === "ask-again")).toHaveLength(3);
  });

  test("malformed bytes cost their sender the round, and the others only a second sending", () => {
    const before = play([offer(a), received(a), offer(b), received(b)]);
    const after = advance(before.round, { type: "spoiled", site: b });
    expect(after.effects.flatMap((effect) => (effect.type === "ask-again" ? [effect.site] : []))).toEqual([a, c]);
    expect(refusals(advance(after.round, offer(b)).effects)).toEqual(["round/too-many-failures"]);
  });

  test("a committed round is only told again", () => {
    const done = play(
      [a, b, c]
        .flatMap((site) => [offer(site), received(site)])
        .concat({ type: "aggregated", result: digestOf("m") }, { type: "committed" }),
    );
    expect(advance(done.round, { type: "restarted" })).toEqual({
      round: done.round,
      effects: [{ type: "tell-closed" }],
    });
  });
});

describe("[RND4] whatever happens, in whatever order", () => {
  const site = fc.constantFrom(a, b, c, stranger);
  const anyKey = fc.constantFrom(key, key, key, { ...key, attempt: 2 });
  const digest = fc.constantFrom(bytesOf("a"), bytesOf("b"), bytesOf("c"));
  const event: fc.Arbitrary<RoundEvent> = fc.oneof(
    fc.record({
      type: fc.constant("contribution-offered" as const),
      site,
      key: anyKey,
      content: fc.record({ digest, bytes: fc.constant(10) }),
    }),
    fc.record({ type: fc.constant("contribution-received" as const), site, key: anyKey, digest }),
    fc.record({ type: fc.constantFrom("contribution-failed" as const, "declined" as const), site, key: anyKey }),
    fc.record({ type: fc.constantFrom("site-lost" as const, "site-returned" as const, "spoiled" as const), site }),
    fc.record({
      type: fc.constantFrom(
        "deadline-passed" as const,
        "restarted" as const,
        "committed" as const,
        "announced" as const,
      ),
    }),
    fc.record({ type: fc.constant("aggregated" as const), result: digest }),
  );

  test("each contributor is added exactly once to the sum that is folded, and an end is an end", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 60 }),
        fc.constantFrom("continue" as const, "wait" as const),
        (events, onDropout) => {
          let round: Round = planned({ ...plan, onDropout });
          let sum: string[] = [];
          for (const next of events) {
            const step = advance(round, next);
            const ended = round.state === "committed" || round.state === "abandoned";
            if (ended) expect(step.round).toBe(round);
            if ((next.type === "restarted" || next.type === "spoiled") && !ended) sum = [];
            for (const effect of step.effects) {
              if (effect.type === "add") sum.push(effect.site);
              if (effect.type !== "fold") continue;
              expect([...sum].sort()).toEqual([...effect.contributors].sort());
              expect(new Set(sum).size).toBe(sum.length);
              expect(sum.length).toBeGreaterThanOrEqual(plan.minSites);
              expect(sum).not.toContain(stranger);
            }
            round = step.round;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
