import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrivacyStatement } from "@consilium/shared/release/statement";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const ROUNDS = 20;
const CAP = 40;

/** ε = 25 on features and 2 on labels, of each patient's one record. */
const METHOD = ["--method", "dct-laplace", "--epsilon", "25", "--coefficients", "29", "--clip", "8"];
const Budget = z.object({
  datasets: z.array(
    z.object({ spending: z.object({ epsilon: z.number(), studies: z.array(z.object({ epsilon: z.number() })) }) }),
  ),
});

describe("[SAN16] a study on sanitized records, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-sanitized-"));
  const consortium = new Consortium(folder);
  const fileOf = (site: string): string => join(folder, `${site}.sanitized.csv`);
  const spentAt = async (site: string) => Budget.parse(await consortium.site(site, ["budget", "show"])).datasets[0];
  /** What sanitizing cost, before any study. */
  const before = new Map<string, number>();

  const study = (name: string, promised: object): string =>
    writeStudy("heart", folder, {
      name,
      sites: SITES,
      set: {
        privacy: {
          ...{ epsilon: 4, delta: 1e-4, mechanism: "sanitized", clippingNorm: 4, samplingRate: 0.5 },
          sanitized: promised,
        },
        "training.rounds": ROUNDS,
        "training.minSites": 2,
        "evaluation.every": `${ROUNDS} rounds`,
        "audit.gates.maxAttackAucUpper": 1,
      },
    });
  const approve = (site: string, name: string, file = fileOf(site)) =>
    consortium.steward(site, ["study", "approve", name, "--dataset", "heart", "--sanitized", file]);
  const proposed = async (name: string, promised: object): Promise<void> => {
    await consortium.consilium(["study", "propose", study(name, promised)]);
    for (const site of SITES) await consortium.heard(site, name);
  };

  beforeAll(async () => {
    await consortium.createCoordinator();
    const schema = study("for-the-contract", { promise: "record", epsilon: 27 });
    for (const site of SITES) {
      await consortium.enrol(site, { records: recordsOf("heart", site), dataset: "heart", epsilon: CAP, delta: 1e-4 });
      await consortium.startSite(site);
      const labels = ["--labels", "randomised:2", "--schema", schema];
      await consortium.steward(site, ["sanitize", "--in", "heart", "--out", fileOf(site), ...METHOD, ...labels]);
      before.set(site, (await spentAt(site))?.spending.epsilon ?? 0);
    }
  }, 120_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("[STU52] no file, another site's, a changed one, one that promises less: nothing is approved", async () => {
    await proposed("strict", { promise: "record", epsilon: 26 });
    await proposed("first", { promise: "record", epsilon: 27 });
    const [own = "", other = ""] = SITES;
    const plain = consortium.steward(own, ["study", "approve", "first", "--dataset", "heart"]);
    await expect(plain).rejects.toThrow("study/needs-sanitized");
    await expect(approve(own, "first", recordsOf("heart", own))).rejects.toThrow("sanitizer/not-paid-for");
    await expect(approve(own, "first", fileOf(other))).rejects.toThrow("sanitizer/not-paid-for");
    const changed = join(folder, "changed.csv");
    cpSync(fileOf(own), changed);
    cpSync(`${fileOf(own)}.sanitized.json`, `${changed}.sanitized.json`);
    appendFileSync(changed, "\n");
    await expect(approve(own, "first", changed)).rejects.toThrow("it was changed since");
    await expect(approve(own, "strict")).rejects.toThrow("approval/not-sanitized");
  });

  test("trains for nothing, is released, verifies, and says what the sanitized records promise", async () => {
    for (const site of SITES) await approve(site, "first");
    await consortium.consilium(["study", "start", "first"]);
    const done = await consortium.reached("first", ["released", "rejected", "paused"]);
    expect(done.reason).toBe("the audit passed the study's gate");
    const release = join(consortium.coordinatorFolder, "releases", "first");
    const verified = await consortium.processes.run("consilium", ["verify", release, "--key", consortium.publicKey]);
    expect(verified).toMatchObject({ code: 0 });
    const privacy = PrivacyStatement.parse(JSON.parse(readFileSync(join(release, "privacy.json"), "utf8")));
    for (const { parts, trainingEpsilon } of privacy.sites) {
      expect(trainingEpsilon).toBe(0);
      const [training, audit] = parts.find(({ part }) => part === "train")?.events ?? [];
      expect(training).toEqual({ kind: "post-processing", adjacency: "add-remove", count: ROUNDS });
      expect(audit).toMatchObject({ kind: "discrete-laplace" });
    }
    expect(privacy.sanitized?.sites.map(({ site }) => site)).toEqual(SITES);
    // ε = 27 of the sanitizer, and three histograms of members at 0.3 each.
    expect(privacy.sanitized?.epsilon).toBeGreaterThan(25);
    expect(privacy.sanitized?.epsilon).toBeLessThan(27.9 + 1e-6);
    expect(privacy.guarantee.epsilon).toBeLessThan(4);
    expect(readFileSync(join(release, "PRIVACY.md"), "utf8")).toMatch(/noised one by one/);
  });

  test("a second study costs its own metrics and audit alone, beside what sanitizing cost once", async () => {
    await proposed("second", { promise: "record", epsilon: 27 });
    for (const site of SITES) await approve(site, "second");
    await consortium.consilium(["study", "start", "second"]);
    expect((await consortium.reached("second", ["released", "rejected", "paused"])).state).toBe("released");
    for (const site of SITES) {
      const spending = (await spentAt(site))?.spending;
      // Each study pays three histograms of ε = 1 on the audit hold-out: its costliest part.
      expect(spending?.epsilon).toBeGreaterThan(before.get(site) ?? 0);
      expect(spending?.epsilon).toBeLessThan((before.get(site) ?? 0) + 2 * 3 + 0.1);
      const ledger = JSON.stringify(await consortium.site(site, ["budget", "ledger", "--kind", "study-approved"]));
      expect(ledger).toContain('"sanitized":"sanitize/heart/');
    }
  });
});
