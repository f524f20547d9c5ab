import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { coarseStep } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, signManifest } from "@consilium/shared/release/manifest";
import { PrivacyStatement } from "@consilium/shared/release/statement";
import { verifyRelease } from "@consilium/shared/release/verify";
import { studyDigest } from "@consilium/shared/study/digest";
import type { StudyDocument } from "@consilium/shared/study/document";
import { gridOfStudy, modelSpecOfStudy } from "@consilium/shared/study/network";
import { divisorOf } from "@consilium/shared/study/schedule";
import { type SiteName, StudyName } from "@consilium/shared/units/identity";
import { afterEach, describe, expect, test } from "vitest";
import { latestModel } from "../storage/models.ts";
import { listReleases } from "../storage/releases.ts";
import { metricsOf } from "../storage/results.ts";
import { newestRounds } from "../storage/rounds.ts";
import { movesOf } from "../storage/studies.ts";
import { Consortium, coordinatorSigner, smallStudy } from "./consortium.test-support.ts";
import type { FakeSite } from "./fakeSite.test-support.ts";
import { move } from "./moves.ts";
import { whyEndedEarly } from "./opening.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newConsortium(): Promise<Consortium> {
  const consortium = await Consortium.open();
  folders.push(consortium.folder);
  return consortium;
}

/** What the model must be: every contribution that was committed, added and applied from the seed on. */
function replayed(
  document: StudyDocument,
  sites: readonly FakeSite[],
  contributors: readonly (readonly SiteName[])[],
): string {
  const grid = gridOfStudy(document);
  const { optimizer, initialSeed } = document.training;
  const parameters = initialParameters(modelSpecOfStudy(document), initialSeed);
  let state = initialState(optimizer, parameters.length);
  contributors.forEach((names, index) => {
    const sum = new Int32Array(grid.dimension);
    for (const site of sites.filter(({ name }) => names.includes(name))) {
      const sent = [...site.packed].filter(
        ([key]) => key.includes(`"purpose":"train"`) && key.includes(`"round":${index + 1},`),
      );
      unpackInto(sum, grid.bits, sent.at(-1)?.[1] ?? new Uint8Array());
    }
    state = applyUpdate(optimizer, state, parameters, sum, coarseStep(grid), divisorOf(document, names));
  });
  return modelDigest(parameters);
}

async function releaseOf({ sql }: Consortium["world"]): Promise<Map<string, Uint8Array>> {
  const path = listReleases(sql)[0]?.path ?? "";
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)));
}

function failedChecks(files: ReadonlyMap<string, Uint8Array>): string[] {
  const { checks } = verifyRelease((name) => files.get(name) ?? null, [...files.keys()], coordinatorSigner.publicKey);
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}

describe("[STU2] a study is walked along its signed schedule", () => {
  test("from proposal to a release that verifies offline, its model replayed exactly", async () => {
    const consortium = await newConsortium();
    const document = smallStudy();
    await consortium.begin(document);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { world, sites, store } = consortium;
    const rounds = [...newestRounds(world.sql, document.name, 100)].reverse();
    expect(rounds.map(({ key }) => `${key.purpose[0]}${key.round}`).join(" ")).toBe(
      "t1 t2 t3 t4 t5 e5 t6 t7 t8 t9 t10 e10 t11 t12 a12",
    );
    expect(metricsOf(world.sql, document.name)).toHaveLength(2);
    const everyone = Array.from({ length: 12 }, () => sites.map(({ name }) => name));
    expect(latestModel(world.sql, document.name)?.digest).toBe(replayed(document, sites, everyone));
    const states = [...store.state.charges.values()].map(({ state }) => state);
    expect(states).toHaveLength(3 * (12 + 2 + 2));
    expect(new Set(states)).toEqual(new Set(["committed"]));
    expect(failedChecks(await releaseOf(world))).toEqual([]);
    expect(sites[0]?.heard.some(({ type }) => type === "release-published")).toBe(true);
    expect(consortium.errors).toEqual([]);
    expect(whyEndedEarly(world.sql, document)).toBeNull();
    await consortium.crash();
  });

  test("[STU40] stops early for a reason that sites hear and its release proves", async () => {
    const consortium = await newConsortium();
    const { world, sites, store } = consortium;
    const earlyStop = { metric: "accuracy", patience: 1, minDelta: 0.3 };
    await consortium.begin(smallStudy({ rounds: 40, earlyStop }));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const rounds = [...newestRounds(world.sql, StudyName.parse("heart"), 100)].reverse();
    expect(rounds.map(({ key }) => `${key.purpose[0]}${key.round}`).join(" ")).toBe(
      "t1 t2 t3 t4 t5 e5 t6 t7 t8 t9 t10 e10 a10",
    );
    // What was not run was never booked: the caps have it still.
    expect(store.state.charges.size).toBe(3 * (10 + 2 + 2));
    const heard = sites[0]?.heard.flatMap((message) => (message.type === "round-announced" ? [message.round] : []));
    expect(heard?.filter(({ stop }) => stop !== undefined).map(({ key }) => key.purpose)).toEqual(["audit"]);
    expect(heard?.at(-1)?.stop).toMatchObject({ metric: "accuracy", best: { round: 5 }, since: [{ round: 10 }] });
    const trained = movesOf(world.sql, StudyName.parse("heart")).find(({ to }) => to === "trained");
    expect(trained?.reason).toMatch(/^Stopped early: the best accuracy was 0\.\d+ after round 5;/);
    const rule = "Signed rule: training ends after 1 evaluation whose accuracy doesn't beat the best by more than 0.3.";
    expect(whyEndedEarly(world.sql, smallStudy({ rounds: 40, earlyStop }))).toBe(`${trained?.reason} ${rule}`);
    const files = await releaseOf(world);
    expect(failedChecks(files)).toEqual([]);
    const card = new TextDecoder().decode(files.get(RELEASE_PATHS.card));
    expect(card).toContain("This is the last model, not that of the best evaluation.");
    expect(card).toMatch(/Really spent: ε = \d/);
    const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    if (signed?.manifest.stop === undefined) throw new Error("the manifest says why training ended");
    const better = { ...signed.manifest.stop, best: { round: 5, value: 0.1 } };
    const forged = jsonBytes(signManifest({ ...signed.manifest, stop: better }, coordinatorSigner));
    expect(failedChecks(new Map(files).set(RELEASE_PATHS.manifest, forged))).toEqual(["stop", "texts"]);
    await consortium.crash();
  });

  test("[REL1] a site that withdraws in training has its cost in the release, which verifies", async () => {
    const consortium = await newConsortium();
    const { world, site } = { world: consortium.world, site: consortium.site(2) };
    const document = smallStudy();
    await consortium.begin(document);
    const charged = () => [...consortium.store.state.charges.values()].filter(({ body }) => body.site === site.name);
    while (!charged().some(({ state }) => state === "committed"))
      await new Promise((resolve) => setTimeout(resolve, 1));
    const { digest: studyDigest } = consortium.studies.record("heart");
    const reason = "withdrawn";
    await consortium.reply(site, { type: "study-rejected", study: document.name, studyDigest, reason });
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    expect(charged().some(({ body }) => body.charge.includes("/audit-"))).toBe(false);
    const files = await releaseOf(world);
    expect(failedChecks(files)).toEqual([]);
    const privacy = readJson(files.get(RELEASE_PATHS.privacy) ?? new Uint8Array(), PrivacyStatement);
    expect(privacy?.sites.find((one) => one.site === site.name)?.epsilon).toBeGreaterThan(0);
    await consortium.crash();
  });

  test("a gate that refuses withholds the release", async () => {
    const consortium = await newConsortium();
    await consortium.begin(smallStudy({ rounds: 2, maxAttackAucUpper: 0.5 }));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("rejected");
    expect(listReleases(consortium.world.sql)).toEqual([]);
    expect(consortium.studies.record("heart").reason).toContain("max-attack-auc");
    await consortium.crash();
  });
});

describe("[RND6] the round goes on without a site that fails, and books what it may have done", () => {
  test.each(["silent", "declines", "malformed", "away"] as const)("a site that is %s", async (habit) => {
    const consortium = await newConsortium();
    const document = smallStudy({ rounds: 3 });
    const site = consortium.site(2);
    consortium.studies.propose(document, { by: "lead", reason: "proposed" });
    const { digest } = consortium.studies.record("heart");
    for (const each of consortium.sites) await consortium.reply(each, each.approval(document, digest));
    site.habit = habit;
    await consortium.studies.start(document.name, { by: "lead", reason: "started" });
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { sql } = consortium.world;
    const first = [...newestRounds(sql, document.name, 10)].reverse()[0];
    const expected = { silent: "late", declines: "declined", malformed: "late", away: undefined }[habit];
    expect(first?.answers.get(site.name)).toBe(expected);
    const others = consortium.sites.filter(({ name }) => name !== site.name).map(({ name }) => name);
    const model = latestModel(sql, document.name);
    expect(model?.digest).toBe(replayed(document, consortium.sites, [others, others, others]));
    const all = [...consortium.store.state.charges.values()];
    const charged = all.filter(({ body }) => body.site === site.name && body.charge.includes("/train-"));
    // Whoever was told of a round may have acted; who was never told was never charged.
    expect(charged.length > 0).toBe(habit !== "away");
    for (const { state } of charged) expect(state).toBe("acting");
    await consortium.crash();
  });

  test.each(["loses-first", "declines"] as const)("[RND17] a site that %s, and the rounds after it", async (habit) => {
    const consortium = await newConsortium();
    const site = consortium.site(2);
    site.habit = habit;
    await consortium.begin(smallStudy({ rounds: 3 }));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const trained = newestRounds(consortium.world.sql, StudyName.parse("heart"), 10)
      .filter(({ key }) => key.purpose === "train")
      .sort((a, b) => a.key.round - b.key.round);
    const answers = trained.map((round) => round.answers.get(site.name));
    const after = habit === "loses-first" ? "answered" : undefined;
    expect(answers).toEqual(["declined", after, after]);
    await consortium.crash();
  });

  test.each([
    ["silent", "late", "did not answer in time"],
    ["declines", "declined", "declined (policy/veto)"],
    ["loses-first", "declined", "lost its contribution, and can join the next attempt"],
  ] as const)(
    "with a site needed that is %s the round is abandoned and the study pauses",
    async (habit, answer, why) => {
      const consortium = await newConsortium();
      const document = smallStudy({ rounds: 2, minSites: 3 });
      const { name } = consortium.site(0);
      consortium.site(0).habit = habit;
      await consortium.begin(document);
      expect(await consortium.until("heart", "paused", "released")).toBe("paused");
      const [abandoned] = newestRounds(consortium.world.sql, document.name, 1);
      const others = consortium.sites.filter((site) => site.name !== name);
      expect(abandoned?.answers).toEqual(
        new Map([[name, answer], ...others.map((one) => [one.name, "answered"] as const)]),
      );
      expect(consortium.studies.record("heart").reason).toBe(
        `train round 1, attempt 1: 2 of 3 sites contributed, 3 are needed; ${name} ${why}`,
      );
      consortium.site(0).habit = "answers";
      await consortium.studies.resume(document.name, { by: "lead", reason: "it is back" });
      expect(await consortium.until("heart", "released", "rejected")).toBe("released");
      const attempts = newestRounds(consortium.world.sql, document.name, 10).filter(({ key }) => key.round === 1);
      expect(attempts.map(({ key, state }) => [key.attempt, state])).toEqual([
        [2, "committed"],
        [1, "abandoned"],
      ]);
      await consortium.crash();
    },
  );
});

describe("[LED20] budgets end training before they are passed", () => {
  test("training stops at the last round that leaves enough for the audit", async () => {
    const consortium = await newConsortium();
    const document = smallStudy({ rounds: 12 });
    await consortium.begin(document, 3);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const steps = latestModel(consortium.world.sql, document.name)?.version ?? 0;
    expect(steps).toBeGreaterThan(0);
    expect(steps).toBeLessThan(12);
    expect(whyEndedEarly(consortium.world.sql, document)).toBe(
      `Ended early, after round ${steps} of 12: a further round with the audit would pass the data set's cap over all ` +
        "studies (ε = 3 at δ = 0.0001) at aachen, basel, como.",
    );
    await consortium.crash();
  });
});

describe("[RND7] a coordinator killed at any moment goes on where it stopped", () => {
  test.each([3, 17, 29, 41, 53])("killed every %i ms", async (lifeMs) => {
    let consortium = await newConsortium();
    const document = smallStudy({ rounds: 12, optimizer: { name: "adam", learningRate: 0.1 } });
    await consortium.begin(document);
    for (let lives = 0; lives < 25; lives++) {
      await new Promise((resolve) => setTimeout(resolve, lifeMs + lives * 4));
      const { state } = consortium.studies.record("heart").standing;
      await consortium.crash();
      consortium = await Consortium.open(consortium.folder, consortium.sites);
      if (state === "released") break;
      await consortium.studies.resumeAll();
      for (const { name } of consortium.sites) consortium.studies.onConnected(name);
    }
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { sql } = consortium.world;
    const trained = [...newestRounds(sql, document.name, 100)].reverse().filter(({ key }) => key.purpose === "train");
    expect(trained.map(({ key }) => key.round)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    const contributors = trained.map(({ answers }) =>
      [...answers].flatMap(([site, answer]) => (answer === "answered" ? [site] : [])),
    );
    expect(latestModel(sql, document.name)?.digest).toBe(replayed(document, consortium.sites, contributors));
    // No charge is lost or doubled: one for each site, part and attempt, as the ledger's own replay has checked.
    expect(await consortium.store.verify()).toBeGreaterThan(0);
    const trainCharges = [...consortium.store.state.charges.keys()].filter((id) => id.includes("/train-"));
    expect(trainCharges).toHaveLength(3 * 12);
    await consortium.crash();
  });
});

describe("[RND8] contributions are held against what was signed", () => {
  test.each<
    [string, (site: FakeSite, document: StudyDocument) => { message: object; attachment?: Uint8Array }, string]
  >([
    [
      "charged otherwise",
      (site, document) => {
        const { message, attachment } = site.contribution(document, firstRound);
        return { message: { ...message, charges: [] }, attachment };
      },
      "round/charges-differ",
    ],
    [
      "of another size",
      (site, document) => {
        const { message, attachment } = site.contribution(document, firstRound);
        return { message: { ...message, content: { ...contentOf(message), bytes: 3 } }, attachment };
      },
      "contribution/malformed",
    ],
    [
      "without its bytes",
      (site, document) => ({ message: site.contribution(document, firstRound).message }),
      "contribution/attachment-missing",
    ],
    [
      "with a head signed by another",
      (site, document) => {
        const { message, attachment } = site.contribution(document, firstRound);
        return { message: { ...message, head: { ...site.head(), signature: `${"A".repeat(86)}==` } }, attachment };
      },
      "ledger/head-not-signed",
    ],
  ])("%s", async (_how, make, code) => {
    const consortium = await newConsortium();
    const document = smallStudy({ rounds: 2, answerMs: 300 });
    await consortium.begin(document);
    const site = consortium.site(0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { message, attachment } = make(site, document);
    const reply = await consortium.reply(site, message as Parameters<Consortium["reply"]>[1], attachment);
    expect(reply).toMatchObject({ type: "refused", refusal: { code } });
    await consortium.crash();
  });
});

const firstRound = { study: smallStudy().name, purpose: "train", round: 1, attempt: 1 } as const;

function contentOf(message: object): object {
  return "content" in message && typeof message.content === "object" && message.content !== null ? message.content : {};
}

test("[STU3] a study is proposed once: the same name means the same document", async () => {
  const consortium = await newConsortium();
  const motive = { by: "lead", reason: "proposed" };
  consortium.studies.propose(smallStudy(), motive);
  expect(() => consortium.studies.propose(smallStudy(), motive)).toThrow(/already/);
  expect(() => consortium.studies.propose(smallStudy({ rounds: 3 }), motive)).toThrow(/another study/);
  expect(canonicalJson(consortium.studies.record("heart").document)).toBe(canonicalJson(smallStudy()));
  await consortium.crash();
});

test("[LED1] a reason longer than an entry takes is cut, so that the chain can be read again", async () => {
  const consortium = await newConsortium();
  const { world, store, studies } = consortium;
  const document = smallStudy();
  studies.propose(document, { by: "lead", reason: "proposed" });
  move(world, document.name, { type: "aborted" }, { by: "coordinator", reason: "who was missing, ".repeat(100) });
  expect(await store.verify()).toBeGreaterThan(0);
  expect(studies.record("heart").reason).toMatch(/^who was missing, .*…$/);
  expect(movesOf(world.sql, document.name).at(-1)?.reason).toHaveLength(500);
  await consortium.crash();
});

test("[STU53] a ledger that knows a study's name by another document takes no approval of this one", async () => {
  const consortium = await newConsortium();
  const document = smallStudy({ rounds: 2, minSites: 3 });
  const site = consortium.site(1);
  const digest = studyDigest(document);
  const known = { site: site.name, dataset: "clinic", study: document.name, number: 1 };
  const other = "ab".repeat(32);
  consortium.store.append(LedgerBody.parse({ kind: "study-approved", ...known, studyDigest: other, approval: other }));
  consortium.studies.propose(document, { by: "lead", reason: "proposed" });
  const reply = await consortium.reply(site, site.approval(document, digest));
  expect(reply).toMatchObject({ type: "refused", refusal: { code: "approval/another-document" } });
  await consortium.crash();
});

describe("[STU35] a study stays with the data set that it was charged to", () => {
  test("an approval that names another one is refused once a charge is reserved, not before", async () => {
    const consortium = await newConsortium();
    const document = smallStudy({ rounds: 2, minSites: 3 });
    consortium.site(0).habit = "silent";
    await consortium.begin(document);
    expect(await consortium.until("heart", "paused", "released")).toBe("paused");
    const { digest } = consortium.studies.record("heart");
    const site = consortium.site(1);
    const entries = consortium.store.head().sequence;
    const moved = await consortium.reply(site, site.approval(document, digest, 50, "ward"));
    expect(moved).toMatchObject({ type: "refused", refusal: { code: "approval/dataset-changed" } });
    expect(consortium.store.head().sequence).toBe(entries);
    expect(await consortium.reply(site, site.approval(document, digest))).toEqual({ type: "accepted" });
    await consortium.crash();
  });

  test("before the first charge a site may choose again", async () => {
    const consortium = await newConsortium();
    const document = smallStudy();
    consortium.studies.propose(document, { by: "lead", reason: "proposed" });
    const { digest } = consortium.studies.record("heart");
    const site = consortium.site(1);
    for (const dataset of ["clinic", "ward"]) {
      expect(await consortium.reply(site, site.approval(document, digest, 50, dataset))).toEqual({ type: "accepted" });
    }
    await consortium.crash();
  });
});
