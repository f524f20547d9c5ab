import { beforeAll, describe, expect, test } from "vitest";
import {
  approvals,
  document,
  failed,
  inputs,
  lead,
  ledger,
  SITES,
  seed,
  verify,
} from "../../../test/support/releaseFixture.ts";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldUpperEpsilon } from "../accountant/pld.ts";
import { replay } from "../ledger/replay.ts";
import { signStatement } from "../signing/ed25519.ts";
import { Disclosure } from "../study/approval.ts";
import { plannedCharges } from "../study/charges.ts";
import { eventsOf } from "../study/noise.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { COORDINATOR } from "../units/identity.ts";
import { Epsilon, NoiseMultiplier } from "../units/privacy.ts";
import { buildRelease } from "./build.ts";
import { jsonBytes, RELEASE_DOMAIN, RELEASE_PATHS, readJson, SignedManifest, withSignature } from "./manifest.ts";
import { type PrivacyStatement, privacyStatementOf } from "./statement.ts";
import { privacyText } from "./texts.ts";

let release: ReadonlyMap<string, Uint8Array>;
beforeAll(() => {
  release = buildRelease(inputs, lead);
});

describe("[REL1] a release as it was built", () => {
  test("verifies with the consortium's public key alone, every check passed", () => {
    const { verified, checks } = verify(release);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(verified).toBe(true);
    expect(checks.length).toBe(23);
  });

  test("holds exactly the files of the format, the same from the same inputs", () => {
    expect([...release.keys()].sort()).toEqual(Object.values(RELEASE_PATHS).sort());
    expect(buildRelease(inputs, lead)).toEqual(release);
  });

  test("says what was done against what was signed", () => {
    const privacy = privacyStatementOf(document, replay(COORDINATOR, ledger), approvals);
    expect(privacy.consortium.disjointEpsilon).toBeLessThan(privacy.signedMaximumEpsilon);
    expect(privacy.consortium.twoSitesEpsilon ?? 0).toBeGreaterThan(privacy.consortium.disjointEpsilon);
    const training = privacy.sites[0]?.parts.find(({ part }) => part === "train")?.events;
    expect(training?.map(({ kind, count }) => [kind, count])).toEqual([
      ["poisson-gaussian", 3],
      ["discrete-laplace", 3],
    ]);
    const text = new TextDecoder().decode(release.get(RELEASE_PATHS.privacyText));
    expect(text).toContain("Unprotected disclosures: none.");
    const signed = approvals.map((approval) => ({
      ...approval,
      statement: { ...approval.statement, disclosures: Disclosure.options },
    }));
    const told = privacyText(privacyStatementOf(document, replay(COORDINATOR, ledger), signed));
    expect(told).toContain("no ε counts: that an attempt at a round failed at a site, and at which eighth");
    expect(told).not.toContain("disclosures: none");
  });

  test("[ACC17] a declared overlap stands beside the sites' figures; of two sites it is theirs", () => {
    const state = replay(COORDINATOR, ledger);
    const names = SITES.map(({ site }) => site);
    const overlap = [{ sites: names }, { sites: [...names].reverse() }];
    const declared = privacyStatementOf({ ...document, overlap }, state, approvals);
    const [two, all] = declared.guarantee.overlap ?? [];
    expect(two?.epsilon).toBeGreaterThan(declared.consortium.disjointEpsilon);
    expect(two?.epsilon).toBeLessThanOrEqual(declared.consortium.twoSitesEpsilon ?? 0);
    expect(all?.epsilon).toBe(two?.epsilon);
    expect(privacyText(declared)).toContain(`records at ${names.join(", ")} all at once: ε = `);
    const earlyStop = { metric: "auc", patience: 1, minDelta: 0 } as const;
    const stopping = { ...document, overlap, training: { ...document.training, earlyStop } };
    expect(privacyStatementOf(stopping, state, approvals).guarantee.overlap?.[0]?.epsilon).toBeGreaterThan(
      two?.epsilon ?? Infinity,
    );
  });

  test("[ACC37] guarantees the signed schedule's ε by PLD while nobody went beyond it, else what was charged", () => {
    const state = replay(COORDINATOR, ledger);
    const kept = privacyStatementOf(document, state, approvals);
    const events = eventsOf(document, "train");
    expect(kept.signedSchedule).toEqual({
      accountant: "pld",
      epsilon: pldUpperEpsilon(events, document.privacy.delta),
      twoSitesEpsilon: pldUpperEpsilon([...events, ...events], document.privacy.delta),
      holds: true,
    });
    expect(kept.guarantee).toEqual({
      basis: "signed-schedule",
      epsilon: kept.signedSchedule.epsilon,
      twoSitesEpsilon: kept.signedSchedule.twoSitesEpsilon,
    });
    expect(kept.guarantee.epsilon).toBeLessThan(kept.consortium.disjointEpsilon);
    expect(privacyText(kept)).toContain("which nobody went beyond, by privacy loss distributions");
    expect(privacyText(kept)).toContain("two upper bounds on the same run, not two costs");
    // One round fewer was signed than was charged: the schedule bounds nothing.
    const charged = kept.sites[0]?.parts.find(({ part }) => part === "train")?.events[0]?.count ?? 0;
    const short = { ...document, training: { ...document.training, rounds: charged - 1 } };
    const beyond = privacyStatementOf(short, state, approvals);
    expect(beyond.signedSchedule.holds).toBe(false);
    expect(beyond.guarantee).toEqual({ basis: "spent", ...figuresOf(beyond.consortium) });
    // Many more were signed than were run: what was charged is the lesser.
    const long = { ...document, training: { ...document.training, rounds: 100 * document.training.rounds } };
    const stopped = privacyStatementOf(long, state, approvals);
    expect(stopped.signedSchedule.holds).toBe(true);
    expect(stopped.guarantee).toEqual({ basis: "spent", ...figuresOf(stopped.consortium) });
    // All in one round: what repeated it, and the rest of the schedule, are together more than was signed.
    const repeats = [...state.charges].map(
      ([id, charge]) => [id, { ...charge, body: { ...charge.body, round: 1 } }] as const,
    );
    const repeated = privacyStatementOf(document, { ...state, charges: new Map(repeats) }, approvals);
    expect(repeated.signedSchedule.holds).toBe(false);
    // Other noise than was signed is beyond any number of its rounds.
    const noisier = { ...document.privacy, noiseMultiplier: NoiseMultiplier.parse(9) };
    expect(privacyStatementOf({ ...document, privacy: noisier }, state, approvals).signedSchedule.holds).toBe(false);
  });

  const figuresOf = ({ disjointEpsilon, twoSitesEpsilon }: PrivacyStatement["consortium"]) => ({
    epsilon: disjointEpsilon,
    twoSitesEpsilon,
  });

  test("[STU40] where a metric may end training, what is guaranteed is the signed maximum, spent ε beside it", () => {
    const state = replay(COORDINATOR, ledger);
    const spent = privacyStatementOf(document, state, approvals);
    const earlyStop = { metric: "auc", patience: 1, minDelta: 0 } as const;
    const privacy = { ...document.privacy, epsilon: Epsilon.parse(1000) };
    const stopping = { ...document, privacy, training: { ...document.training, earlyStop } };
    const statement = privacyStatementOf(stopping, state, approvals);
    expect(statement.consortium).toEqual(spent.consortium);
    expect(statement.signedSchedule).toMatchObject({ accountant: "pld", holds: true });
    expect(statement.signedSchedule.epsilon).toBeLessThan(spent.signedMaximumEpsilon);
    expect(statement.guarantee).toMatchObject({ basis: "signed-schedule", epsilon: statement.signedSchedule.epsilon });
    const text = privacyText(statement);
    expect(text).toContain(`(**${epsilonText(statement.signedSchedule.epsilon)}**, 0.0001)`);
    expect(text).toContain(
      `and ε = ${epsilonText(spent.consortium.disjointEpsilon)} at δ = 0.0001 are two upper bounds`,
    );
    const ofMany = { ...stopping, training: { ...stopping.training, rounds: 40 } };
    const many = privacyText(privacyStatementOf(ofMany, state, approvals));
    expect(many).toContain("Really spent, at the site that spent most, by Rényi divergences: ε = ");
    expect(many).not.toContain("two upper bounds");
    // A plan of one round that was tried three times: what was spent is more, and counts.
    const short = { ...stopping, training: { ...stopping.training, rounds: 1 } };
    expect(privacyStatementOf(short, state, approvals).guarantee.epsilon).toBe(spent.consortium.disjointEpsilon);
    // One that stopped at half and isn't as it was signed: the rest of the plan comes on top of all that was spent.
    const last = Math.max(...[...state.charges.values()].map(({ body }) => body.round));
    const other = { ...privacy, noiseMultiplier: NoiseMultiplier.parse(2.4) };
    const half = { ...stopping, privacy: other, training: { ...stopping.training, rounds: 2 * last } };
    const ofHalf = privacyStatementOf(half, state, approvals);
    const costliest = ofHalf.sites.reduce((a, b) => (a.epsilon > b.epsilon ? a : b));
    const paid = costliest.parts.find(({ part }) => part === "train")?.events ?? [];
    const rest = plannedCharges(half, "train").map(({ event }) => ({ ...event, count: event.count * last }));
    expect(ofHalf.guarantee.epsilon).toBeGreaterThanOrEqual(epsilonOfEvents([...paid, ...rest], half.privacy.delta));
    expect(ofHalf.guarantee.basis).toBe("signed-maximum");
    // No site acts beyond the study's ε: where repeats would bring the plan above it, it is what is promised.
    const epsilon = Epsilon.parse((ofHalf.guarantee.epsilon + ofHalf.consortium.disjointEpsilon) / 2);
    const bounded = privacyStatementOf({ ...half, privacy: { ...other, epsilon } }, state, approvals);
    expect(bounded.guarantee).toMatchObject({ basis: "filter", epsilon });
    expect(privacyText(bounded)).toContain("beyond which no site acts");
  });

  test("a site's signature may be added, and must hold", () => {
    const signed = readJson(release.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    const [site] = SITES;
    if (signed === null || site === undefined) throw new Error("no manifest");
    const manifest = (value: unknown) => new Map(release).set(RELEASE_PATHS.manifest, jsonBytes(value));
    expect(
      verify(manifest(withSignature(signed, site.site, signStatement(site.identity, RELEASE_DOMAIN, signed.manifest))))
        .verified,
    ).toBe(true);
    expect(
      failed(manifest(withSignature(signed, site.site, signStatement(site.steward, RELEASE_DOMAIN, signed.manifest)))),
    ).toEqual(["signatures"]);
    expect(failed(manifest({ ...signed, signatures: [...signed.signatures, ...signed.signatures] }))).toEqual([
      "signatures",
    ]);
  });
});

describe("[REL3] one altered bit anywhere is refused", () => {
  test("every byte of the small files, sampled bytes of the large", () => {
    for (const [path, content] of release) {
      const step = content.length <= 3000 ? 1 : Math.floor(content.length / 250);
      for (let position = 0; position < content.length; position += step) {
        const altered = content.slice();
        altered[position] = (altered[position] ?? 0) ^ (1 << (position % 8));
        const { verified } = verify(new Map(release).set(path, altered));
        if (verified) expect.fail(`${path}, byte ${position}: an altered bit was accepted`);
      }
    }
  });

  test("every bit of the manifest's signature", () => {
    const content = release.get(RELEASE_PATHS.manifest) ?? new Uint8Array();
    const start = Buffer.from(content).lastIndexOf('"signature":"');
    for (let bit = start * 8; bit < content.length * 8; bit++) {
      const altered = content.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verify(new Map(release).set(RELEASE_PATHS.manifest, altered)).verified).toBe(false);
    }
  });

  test("files missing, added, emptied, swapped; another key", () => {
    for (const path of release.keys()) {
      const without = new Map(release);
      without.delete(path);
      expect(verify(without).verified).toBe(false);
      expect(verify(new Map(release).set(path, new Uint8Array())).verified).toBe(false);
    }
    expect(failed(new Map(release).set("model/more.bin", new Uint8Array()))).toEqual(["files"]);
    const privacy = release.get(RELEASE_PATHS.privacy) ?? new Uint8Array();
    expect(failed(new Map(release).set(RELEASE_PATHS.study, privacy))).toEqual(["files"]);
    expect(verify(release, seed(2).publicKey).verified).toBe(false);
  });

  test("a failed check names the file, what was found and expected, and the next step", () => {
    const problems = (files: ReadonlyMap<string, Uint8Array>, name: string, key = lead.publicKey) => {
      const found = verify(files, key).checks.find((check) => check.name === name);
      expect(found?.remedy).toMatch(/\w/);
      return found?.problems ?? [];
    };
    const with1 = (path: string, text: string) => new Map(release).set(path, new TextEncoder().encode(text));
    const [altered] = problems(with1(RELEASE_PATHS.privacyText, "nothing"), "files");
    expect(altered).toMatch(/^PRIVACY\.md: found 7 bytes of SHA-256 [0-9a-f]{64}, signed were \d+ of [0-9a-f]{64}$/);
    expect(problems(with1("model/more.bin", ""), "files")).toEqual(["model/more.bin is not part of the release"]);
    const without = new Map(release);
    without.delete(RELEASE_PATHS.audit);
    expect(problems(without, "files")).toEqual(["audit.json is missing"]);
    expect(problems(new Map(), "manifest")).toEqual(["manifest.json is missing from this folder"]);
    const [other] = problems(release, "signatures", seed(2).publicKey);
    expect(other).toContain(lead.publicKey);
    expect(other).toContain(seed(2).publicKey);
    expect(verify(release).checks.every((check) => check.remedy === null && check.problems.length === 0)).toBe(true);
  });
});
