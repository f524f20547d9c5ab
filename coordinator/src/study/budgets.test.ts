import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { requireDpSgd } from "@consilium/shared/plan/variant";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import type { StudyDocument } from "@consilium/shared/study/document";
import { describe, expect, test } from "vitest";
import { newestRounds } from "../storage/rounds.ts";
import { repliesTo } from "../storage/studies.ts";
import { Consortium, smallStudy } from "./consortium.test-support.ts";

const motive = { by: "lead", reason: "test" };

/** Rounds of 12 that a cap of ε pays for with the audit: from the events alone. */
function affordableRounds(document: StudyDocument, cap: number): number {
  const { samplingRate, noiseMultiplier } = requireDpSgd(document).privacy;
  const event = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier } as const;
  const audit = { kind: "discrete-laplace", adjacency: "add-remove", sensitivity: 1, scale: 1 / 2, count: 1 } as const;
  for (let count = document.training.rounds; ; count--)
    if (epsilonOfEvents([{ ...event, count }, audit], 1e-4) <= cap) return count;
}

describe("[LED23] an exhausted site leaves the cohort, the others go on", () => {
  test("up to its last affordable round it takes part, and in the audit, for which enough was kept", async () => {
    const consortium = await Consortium.open();
    const document = smallStudy({ rounds: 12 });
    const poor = consortium.site(0);
    const { digest } = consortium.studies.propose(document, motive);
    for (const site of consortium.sites)
      await consortium.studies.onMessage(site.name, site.approval(document, digest, site === poor ? 3 : 60), undefined);
    await consortium.studies.start(document.name, motive);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { sql } = consortium.world;
    const rounds = newestRounds(sql, document.name, 100).filter(({ spec }) => spec.cohort.includes(poor.name));
    const trained = rounds.filter(({ key }) => key.purpose === "train").map(({ key }) => key.round);
    expect(Math.max(...trained)).toBe(affordableRounds(document, 3));
    expect(newestRounds(sql, document.name, 100).filter(({ key }) => key.purpose === "train")).toHaveLength(12);
    expect(rounds.filter(({ key }) => key.purpose === "audit")).toHaveLength(1);
    const noted = consortium.store.entries().filter(({ body }) => body.kind === "refusal-noted");
    expect(noted.map(({ body }) => body)).toEqual([
      {
        kind: "refusal-noted",
        party: "coordinator",
        code: "budget/exhausted",
        detail:
          `From train round ${affordableRounds(document, 3) + 1} on study heart goes without those that would pass ` +
          `the data set's cap over all studies (ε = 3 at δ = 0.0001) at ${poor.name}.`,
      },
    ]);
    await consortium.crash();
  });
});

describe("[STU51] counter-offers reach the lead", () => {
  test("an offer is a refusal with an ε; an approval afterwards replaces it", async () => {
    const consortium = await Consortium.open();
    const document = smallStudy();
    const { digest } = consortium.studies.propose(document, motive);
    const [site] = consortium.sites;
    if (site === undefined) throw new Error("a consortium has sites");
    const counterOffer = CounterOffer.parse({ epsilon: 9 });
    const answer = { type: "study-rejected", study: document.name, studyDigest: digest, reason: "less" } as const;
    await consortium.studies.onMessage(site.name, { ...answer, counterOffer }, undefined);
    expect(repliesTo(consortium.world.sql, document.name)).toMatchObject([
      { site: site.name, answer: "rejected", reason: "less", offer: { epsilon: 9 } },
    ]);
    await consortium.studies.onMessage(site.name, site.approval(document, digest), undefined);
    expect(repliesTo(consortium.world.sql, document.name)).toMatchObject([{ answer: "approved" }]);
    await consortium.crash();
  });
});
