import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CapChange } from "@consilium/shared/ledger/cap";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { studyDigest } from "@consilium/shared/study/digest";
import { DatasetId } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decisionMessage } from "../approval/proposals.ts";
import { raisesOf } from "../ledger/budget.ts";
import { dataset, document, SiteBench, site, World } from "../round/siteBench.test-support.ts";
import type { StewardAction } from "./statement.ts";

let bench: SiteBench;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-caps-"));
  bench = await SiteBench.proposed(new World(folder));
});
afterEach(async () => {
  bench.close();
  await rm(folder, { recursive: true });
});

const second = signerOf(new Uint8Array(32).fill(21));
const failing = (code: string): unknown => expect.objectContaining({ code });
const ofData = (epsilon: number): CapChange => CapChange.parse({ of: "data-set", epsilon, delta: 1e-4 });
const ask = (change: CapChange): StewardAction => ({ action: "ask-raise", dataset, change, reason: "a second study" });
const settle = (isGranted: boolean): StewardAction => {
  const request = raisesOf(bench.ledger.state).at(-1)?.request;
  if (request === undefined) throw new Error("a raise was asked for");
  return { action: "settle-raise", request, isGranted, reason: "as agreed" };
};
const bySecond = (action: StewardAction): void => bench.decide(action, {}, second, "Dr. Koch");
const addSecond = (): void => bench.decide({ action: "add-steward", name: "Dr. Koch", publicKey: second.publicKey });
const cap = (): unknown => capsInForce(bench.ledger.state, site, dataset, document.name);

describe("[LED33] at a site a cap is raised by two of its stewards, lowered by one", () => {
  test("one asks, another grants; who, why and both statements stay in the ledger", () => {
    bench.setCap(4);
    expect(() => bench.setCap(8)).toThrow(failing("budget/raise-takes-two"));
    expect(() => bench.decide(ask(ofData(8)))).toThrow(failing("steward/second-missing"));
    addSecond();
    bench.decide(ask(ofData(8)));
    expect(cap()).toMatchObject({ epsilon: 4 });
    expect(() => bench.decide(settle(true))).toThrow(failing("ledger/raise-by-one"));
    bySecond(settle(true));
    expect(cap()).toMatchObject({ epsilon: 8 });
    const [asked, settled, set] = bench.ledger
      .entries()
      .map(({ body }) => body)
      .slice(-3);
    expect(asked).toMatchObject({ kind: "raise-asked", by: "Dr. Bell", reason: "a second study" });
    expect(settled).toMatchObject({ kind: "raise-settled", by: "Dr. Koch", isGranted: true, reason: "as agreed" });
    expect(set).toMatchObject({ kind: "cap-set", epsilon: 8 });
    expect(() => bySecond(settle(true))).toThrow(failing("budget/raise-unknown"));
  });

  test("refused by the other or taken back by who asked, it changes nothing", () => {
    bench.setCap(4);
    addSecond();
    for (const decide of [bySecond, (action: StewardAction) => bench.decide(action)]) {
      bench.decide(ask(ofData(8)));
      decide(settle(false));
    }
    expect(raisesOf(bench.ledger.state).map(({ settled }) => settled?.isGranted)).toEqual([false, false]);
    expect(cap()).toMatchObject({ epsilon: 4 });
  });

  test("what was asked for before the same cap was changed is granted no more", () => {
    bench.setCap(4);
    addSecond();
    bench.decide(ask(ofData(8)));
    const year = CapChange.parse({ of: "period", period: "calendar-year", epsilon: 1 });
    bench.decide({ action: "lower-cap", dataset, change: year, reason: "less" });
    const perStudy = CapChange.parse({ of: "data-set", epsilon: 4, delta: 1e-4, perStudy: 1 });
    const overtaken = settle(true);
    bySecond({ action: "lower-cap", dataset, change: perStudy, reason: "less" });
    expect(() => bySecond(overtaken)).toThrow(failing("budget/raise-overtaken"));
    expect(cap()).toMatchObject({ epsilon: 4, perStudy: 1 });
    bySecond(settle(false));
    bench.decide(ask(CapChange.parse({ ...perStudy, epsilon: 8 })));
    bench.decide({ action: "lower-cap", dataset, change: CapChange.parse({ ...year, epsilon: 0.5 }), reason: "less" });
    bySecond(settle(true));
    expect(cap()).toMatchObject({ epsilon: 8, perStudy: 1, periods: [{ epsilon: 0.5 }] });
  });

  test("each lowers at once, alone; what is no raise is not asked for", () => {
    bench.setCap(4);
    addSecond();
    const change = CapChange.parse({ of: "study", study: document.name, epsilon: 1 });
    bySecond({ action: "lower-cap", dataset, change, reason: "less" });
    expect(cap()).toMatchObject({ epsilon: 4, study: 1 });
    expect(() => bySecond(ask(ofData(3)))).toThrow(failing("budget/no-raise"));
    const lifted = CapChange.parse({ of: "study", study: document.name, epsilon: null });
    const lift: StewardAction = { action: "lower-cap", dataset, change: lifted, reason: "more" };
    expect(() => bySecond(lift)).toThrow(failing("budget/raise-takes-two"));
  });

  test("no cap for a study or a period without one over all studies", () => {
    const change = CapChange.parse({ of: "period", period: "calendar-year", epsilon: 1 });
    expect(() => bench.decide({ action: "lower-cap", dataset, change, reason: "x" })).toThrow(failing("budget/no-cap"));
  });

  test("nobody is added twice, by name or by key, nor decides unsigned; a stranger adds nobody", () => {
    addSecond();
    expect(addSecond).toThrow(failing("steward/known-already"));
    const twin: StewardAction = { action: "add-steward", name: "Dr. Roth", publicKey: second.publicKey };
    expect(() => bench.decide(twin)).toThrow(failing("steward/known-already"));
    expect(() => bench.decide(ask(ofData(8)), {}, second, "Dr. Bell")).toThrow(failing("steward/signature-invalid"));
    expect(() => bench.decide(twin, {}, second, "Dr. Roth")).toThrow(failing("steward/signature-invalid"));
  });
});

describe("[STU51] a counter-offer refuses a version and names what would be granted", () => {
  const offer = (epsilon: number, on = dataset): StewardAction => ({
    action: "counter-offer",
    study: document.name,
    studyDigest: studyDigest(document),
    dataset: on,
    offer: CounterOffer.parse({ epsilon }),
    reason: "less",
  });

  test("only what caps and policy let through, and the coordinator is told", () => {
    expect(() => bench.decide(offer(2))).toThrow(failing("budget/no-cap"));
    bench.setCap(2);
    expect(() => bench.decide(offer(50))).toThrow(expect.objectContaining({ code: "study/offer-not-less" }));
    expect(() => bench.decide(offer(2.5))).toThrow(
      expect.objectContaining({ code: "budget/cap-exceeded", remedy: expect.stringMatching(/^Offer an ε/) }),
    );
    expect(() => bench.decide(offer(0.01))).toThrow(failing("study/offer-too-small"));
    expect(() => bench.decide(offer(2), { maxEpsilonPerStudy: 1 })).toThrow(failing("policy/epsilon-per-study"));
    expect(() => bench.decide(offer(2, DatasetId.parse("ward")))).toThrow(failing("data/unknown"));
    bench.decide(offer(2));
    const proposal = bench.records.proposal(document.name);
    expect(proposal).toMatchObject({ state: "rejected", offer: { epsilon: 2 }, told: false });
    if (proposal === null) throw new Error("it was proposed");
    expect(decisionMessage(proposal)).toMatchObject({ type: "study-rejected", counterOffer: { epsilon: 2 } });
  });

  test("an approval or a plain refusal takes the offer back; an approved study gets none", () => {
    bench.setCap(4);
    bench.decide(offer(2));
    bench.approve(4);
    expect(bench.records.proposal(document.name)).toMatchObject({ state: "approved", offer: null });
    expect(() => bench.decide(offer(2))).toThrow(failing("study/approved-already"));
  });
});
