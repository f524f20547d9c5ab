import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { CapChange } from "@consilium/shared/ledger/cap";
import { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { announcement, dataset, document, headAt, SiteBench, World } from "./siteBench.test-support.ts";

let world: World;
let bench: SiteBench;

beforeEach(async () => {
  world = new World(await mkdtemp(join(tmpdir(), "consilium-round-")));
  bench = await SiteBench.proposed(world);
});
afterEach(async () => {
  bench.close();
  await rm(world.folder, { recursive: true });
});

/** Kinds of the entries since the study was approved. */
function kinds(): string[] {
  const all = bench.ledger.entries().map(({ body }) => body.kind);
  return all.slice(all.indexOf("study-approved") + 1);
}

function approved(): void {
  bench.setCap(4);
  bench.approve(4);
}

const closed = (round: number, outcome: "committed" | "abandoned", sequence: number) =>
  ({
    type: "round-closed",
    key: announcement(round).round.key,
    outcome,
    head: headAt(sequence),
    consistency: bench.proof(headAt(sequence)),
    witnessed: null,
  }) as const;

describe("[RND20] reserve and acting are in the ledger before the engine is asked to act", () => {
  test("a round from announcement to its end", async () => {
    approved();
    await bench.announce(announcement(1));
    expect(kinds()).toEqual(["head-witnessed", "reserved", "acting"]);
    expect(world.steps).toBe(1);
    expect(world.contributions()).toHaveLength(0);
    await bench.at(document.training.answerAfterMs);
    expect(world.contributions()).toHaveLength(1);
    await bench.rounds.onClosed(closed(1, "committed", 150));
    await bench.at(10_000);
    expect(kinds()).toEqual(["head-witnessed", "reserved", "acting", "committed", "head-witnessed"]);
    expect(world.sent.at(-1)?.message).toMatchObject({ type: "head-countersigned", head: { sequence: 150 } });
    expect(await readdir(join(world.folder, "outbox"))).toEqual([]);
  });

  test("an announcement that tells the end of the round before; the contribution countersigns", async () => {
    approved();
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    const { key } = announcement(1).round;
    const head = headAt(150);
    await bench.announce({ ...announcement(2), ended: { key, outcome: "committed" }, head });
    const ofOneRound = ["head-witnessed", "reserved", "acting"];
    expect(kinds()).toEqual([...ofOneRound, "committed", ...ofOneRound]);
    await bench.at(2 * document.training.answerAfterMs);
    expect(world.contributions().at(-1)?.message).toMatchObject({ countersigned: { head: head.head } });
    await bench.at(10_000);
    expect(world.sent.some(({ message }) => message.type === "head-countersigned")).toBe(false);
    expect(await readdir(join(world.folder, "outbox"))).toHaveLength(1);
  });
});

describe("[RND24] a crash never spends twice and never sends another contribution", () => {
  test("after the contribution was persisted: the same bytes, asked for again and again", async () => {
    approved();
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    bench = await bench.crash();
    await bench.announce(announcement(1));
    await bench.rounds.onWanted(announcement(1).round.key);
    await bench.rounds.settled();
    const sent = world.contributions().map(({ attachment }) => Buffer.from(attachment ?? []).toString());
    expect(sent.length).toBeGreaterThan(1);
    expect(new Set(sent)).toEqual(new Set(["contribution 1"]));
    expect(kinds().filter((kind) => kind === "reserved")).toHaveLength(1);
  });

  test("while the engine acted: spent, and only a new attempt acts again", async () => {
    approved();
    world.isEngineDown = true;
    await bench.announce(announcement(1));
    bench = await bench.crash();
    world.isEngineDown = false;
    await bench.rounds.onWanted(announcement(1).round.key);
    expect(world.refusals()).toEqual(["round/attempt-lost"]);
    expect(world.steps).toBe(0);
    await bench.announce(announcement(1, 2));
    expect(world.steps).toBe(1);
    expect(kinds().filter((kind) => kind === "acting")).toHaveLength(2);
  });
});

describe("[RND26] a site acts only as the study that its steward approved says, by its own copy", () => {
  const otherSite = SiteName.parse("bern");
  const key = announcement(1).round.key;
  test.each([
    { why: "another digest", changes: { studyDigest: digestOf("another") }, code: "study/digest-differs" },
    {
      why: "without this site",
      changes: { cohort: document.sites.map(({ name }) => name).slice(1) },
      code: "round/not-in-cohort",
    },
    {
      why: "with a stranger",
      changes: { cohort: [...document.sites.map(({ name }) => name), otherSite] },
      code: "round/cohort-invalid",
    },
    { why: "past the last round", changes: { key: { ...key, round: 61 } }, code: "round/not-planned" },
    {
      why: "an evaluation off the schedule",
      changes: { key: { ...key, purpose: "evaluate" as const, round: 7 } },
      code: "round/not-planned",
    },
    { why: "another answer time", changes: { answerAfterMs: 1 }, code: "round/times-differ" },
    {
      why: "[CLP4] its own clipping norm, which the study doesn't adapt",
      changes: { roundNorm: ClippingNorm.parse(2) },
      code: "round/norm-not-planned",
    },
    {
      why: "another model size",
      changes: { model: { digest: digestOf("m"), bytes: 8 } },
      code: "round/model-size-differs",
    },
  ])("$why: $code", async ({ changes, code }) => {
    approved();
    await bench.announce(announcement(1, 1, changes));
    expect(world.refusals()).toEqual([code]);
    expect(kinds()).toEqual([]);
    expect(world.requests).toEqual([]);
  });

  test("not approved, frozen, vetoed", async () => {
    await bench.announce(announcement(1));
    approved();
    bench.decide({ action: "freeze", dataset, frozen: true, reason: "audit" });
    await bench.announce(announcement(1, 2));
    bench.decide({ action: "freeze", dataset, frozen: false, reason: "done" });
    const { studyDigest } = announcement(1).round;
    bench.decide({ action: "freeze-study", study: document.name, studyDigest, frozen: true, reason: "a question" });
    await bench.announce(announcement(1, 3));
    bench.decide({ action: "freeze-study", study: document.name, studyDigest, frozen: false, reason: "answered" });
    bench.decide({ action: "veto", study: document.name, studyDigest, reason: "withdrawn" });
    await bench.announce(announcement(1, 4));
    expect(world.refusals()).toEqual(["study/proposed", "dataset/frozen", "study/frozen", "study/vetoed"]);
    expect(world.steps).toBe(0);
  });

  test("a veto between announcement and booking still holds", async () => {
    approved();
    const announced = bench.rounds.onAnnounced(announcement(1), undefined);
    const { studyDigest } = announcement(1).round;
    bench.decide({ action: "veto", study: document.name, studyDigest, reason: "withdrawn" });
    await announced;
    await bench.rounds.settled();
    expect(world.steps).toBe(0);
    await bench.at(document.training.answerAfterMs);
    expect(world.refusals()).toEqual(["study/vetoed"]);
  });
});

describe("[LED22] a site books nothing past its cap, nor on a coordinator's ledger that went back", () => {
  test("the cap, lowered while the study runs, ends its rounds", async () => {
    approved();
    bench.setCap(0.5);
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    expect(world.refusals()).toEqual(["budget/cap-exceeded"]);
    expect(kinds()).not.toContain("reserved");
  });

  test.each([
    { change: CapChange.parse({ of: "study", study: "heart", epsilon: 0.5 }), code: "budget/study-cap-exceeded" },
    { change: CapChange.parse({ of: "period", period: "30-days", epsilon: 0.5 }), code: "budget/period-cap-exceeded" },
  ])("[LED30] nor past $change.of's cap, set while the study runs: $code", async ({ change, code }) => {
    approved();
    bench.decide({ action: "lower-cap", dataset, change, reason: "less" });
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    expect(world.refusals()).toEqual([code]);
    expect(kinds()).not.toContain("reserved");
  });

  test.each([
    { why: "older", length: 50, fork: 900, code: "ledger/head-behind" },
    { why: "rewritten at its end", length: 150, fork: 150, code: "ledger/head-forked" },
    { why: "rewritten before, and grown since", length: 250, fork: 120, code: "ledger/head-forked" },
  ])("[LED9] $why: $code", async ({ length, fork, code }) => {
    approved();
    await bench.announce(announcement(1));
    await bench.rounds.onClosed(closed(1, "committed", 150));
    await bench.announce({ ...announcement(2), head: headAt(length, fork) }, fork);
    expect(world.refusals()).toEqual([code]);
    expect(world.steps).toBe(1);
    // It holds to what it saw: the ledger as it was is taken as before.
    await bench.announce(announcement(3));
    expect(world.steps).toBe(2);
  });

  test("[LED9] nor while its own ledger lacks what the coordinator saw of it", async () => {
    approved();
    const { head } = bench.ledger.head();
    const lost = { ...head, sequence: head.sequence + 1 };
    const rewritten = { ...head, root: digestOf("another past") };
    await bench.announce({ ...announcement(1, 1), witnessed: lost });
    await bench.announce({ ...announcement(1, 2), witnessed: rewritten });
    expect(world.refusals()).toEqual(["ledger/behind", "ledger/forked"]);
    await bench.announce({ ...announcement(1, 3), witnessed: head });
    expect(world.steps).toBe(1);
  });

  test("a newer head that another study's round showed since the announcement is no reason to refuse", async () => {
    approved();
    const announced = bench.rounds.onAnnounced(announcement(1), undefined);
    const key = { ...announcement(1).round.key, study: StudyName.parse("other") };
    const shown = { head: headAt(900), consistency: bench.proof(headAt(900)), witnessed: null };
    await bench.rounds.onClosed({ type: "round-closed", key, outcome: "abandoned", ...shown });
    await announced;
    await bench.rounds.settled();
    expect(world.steps).toBe(1);
    expect(bench.book.countersigned()?.head.sequence).toBe(900);
    bench = await bench.crash();
    expect(bench.book.countersigned()?.head.sequence).toBe(900);
  });

  test("a head that the coordinator did not sign is refused", async () => {
    approved();
    const { head } = headAt(100);
    const forged = { head: { ...head, sequence: 101 }, signature: headAt(100).signature };
    await expect(bench.announce({ ...announcement(1), head: forged })).rejects.toMatchObject({
      code: "ledger/head-not-signed",
    });
  });
});

describe("[RND27] what fails at a site says nothing of why", () => {
  test("neither message nor log repeats the engine's words, and the answer keeps its time", async () => {
    approved();
    world.isEngineDown = true;
    await bench.announce(announcement(1));
    expect(world.refusals()).toEqual([]);
    await bench.at(document.training.answerAfterMs);
    expect(world.refusals()).toEqual(["round/attempt-lost"]);
    expect(JSON.stringify([world.sent, world.logged])).not.toContain("93");
  });
});

describe("[RND22] why the records can't be opened stays here", () => {
  test("one refusal for every reason, at the fixed time", async () => {
    approved();
    world.isDataUnfit = true;
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    expect(world.refusals()).toEqual(["round/model-missing"]);
    expect(JSON.stringify(world.sent)).not.toContain("93");
    expect(kinds()).not.toContain("reserved");
  });
});

describe("[RND20] a round acts on the data set that is charged", () => {
  test("a study that is approved anew on another data set is opened anew, with that one's patients", async () => {
    const other = DatasetId.parse("ward");
    bench.register(other);
    approved();
    // Opened, and refused at its booking: nothing is charged yet, so the steward may still choose.
    bench.setCap(0.01);
    await bench.announce(announcement(1));
    bench.setCap(4, other);
    bench.approve(4, {}, other);
    await bench.announce(announcement(2));
    const opened = world.requests.flatMap((request) => (request.type === "open" ? [request.patients] : []));
    expect(opened).toEqual([
      { source: "prepared", path: "/prepared/clinic" },
      { source: "prepared", path: "/prepared/ward" },
    ]);
    const reserved = bench.ledger.entries().flatMap(({ body }) => (body.kind === "reserved" ? [body.dataset] : []));
    expect(reserved).toEqual([other]);
  });
});

describe("[RND21] what is late answers at a time that its work did not choose", () => {
  test("at the next eighth of the study's answer time", async () => {
    approved();
    const { answerAfterMs } = document.training;
    let release: () => void = () => {};
    world.hold = new Promise((resolve) => {
      release = resolve;
    });
    await bench.rounds.onAnnounced(announcement(1), undefined);
    const late = bench.at(answerAfterMs * 1.02);
    release();
    await late;
    expect(world.steps).toBe(1);
    await bench.at(answerAfterMs * 1.124);
    expect(world.contributions()).toHaveLength(0);
    await bench.at(answerAfterMs * 1.125);
    expect(world.contributions()).toHaveLength(1);
  });
});

describe("[RND21] a contribution that could not be sent is sent when the link is back", () => {
  test("once, with the same bytes", async () => {
    approved();
    world.isLinkDown = true;
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    world.isLinkDown = false;
    bench.rounds.onReconnected();
    await bench.rounds.settled();
    expect(world.contributions()).toHaveLength(1);
  });
});

describe("[RND24] a contribution that the coordinator refused is not acknowledged", () => {
  test("the refusal is logged, and the same bytes are offered when the link is back", async () => {
    approved();
    world.refusal = { code: "ledger/head-disagrees", kind: "refused", what: "went back", remedy: "re-sync" };
    await bench.announce(announcement(1));
    await bench.at(document.training.answerAfterMs);
    expect(world.logged.join()).toContain("contribution-refused");
    world.refusal = null;
    bench.rounds.onReconnected();
    await bench.rounds.settled();
    bench.rounds.onReconnected();
    await bench.rounds.settled();
    expect(world.contributions().map(({ attachment }) => Buffer.from(attachment ?? []).toString())).toEqual([
      "contribution 1",
      "contribution 1",
    ]);
  });
});
