import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"] as const;
const STUDY = "thrifty";

describe("[LED33] a steward's budget, by the commands that people type", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-budgets-"));
  const consortium = new Consortium(folder);
  const password = join(folder, "second-password");
  let file = "";

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      const epsilon = name === "cleveland" ? 1.5 : 4;
      await consortium.enrol(name, { records: recordsOf("heart", name), dataset: "heart", epsilon, delta: 1e-4 });
      await consortium.startSite(name);
    }
    writeFileSync(password, "another long password", { mode: 0o600 });
    file = writeStudy("heart", folder, {
      name: STUDY,
      sites: SITES,
      set: {
        "privacy.epsilon": 4,
        "privacy.noiseMultiplier": "auto",
        "training.rounds": 6,
        "training.minSites": 2,
        "evaluation.every": "3 rounds",
        "evaluation.epsilon": 0.3,
        "audit.attacks": ["loss"],
        "audit.epsilon": { members: 0.1, nonMembers: 0.4 },
        "audit.gates.maxAttackAucUpper": 1,
      },
    });
    await consortium.consilium(["study", "propose", file]);
  });
  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const site = (args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    consortium.processes.run("consilium-site", [...args, "--data", consortium.siteFolder("cleveland"), "--json"]);
  const steward = (args: readonly string[]) =>
    site([...args, "--password-file", join(folder, "cleveland.steward-password")]);
  /** Exit code, and the code of the failure that was printed. */
  const refusal = async (run: ReturnType<typeof site>): Promise<unknown[]> => {
    const { code, stderr } = await run;
    return [code, JSON.parse(stderr.trim().split("\n").at(-1) ?? "null").error.code];
  };

  test("a study that asks too much is refused with the largest plan; an offer, revised by the lead, runs", async () => {
    const approving = consortium.approve("cleveland", STUDY, "heart").catch((error: unknown) => String(error));
    expect(await approving).toMatch(
      /the data set's cap over all studies \(ε = 1.5 .*audit included: .*all 6 fit from σ = \d/s,
    );
    expect(await refusal(steward(["study", "counter-offer", STUDY, "--epsilon", "1.6"]))).toEqual([
      4,
      "budget/cap-exceeded",
    ]);
    expect(await refusal(steward(["study", "counter-offer", STUDY, "--epsilon", "0.1"]))).toEqual([
      4,
      "study/offer-too-small",
    ]);
    await consortium.steward("cleveland", [
      "study",
      "counter-offer",
      STUDY,
      "--epsilon",
      "1.4",
      "--message",
      "our cap",
    ]);
    await expect.poll(async () => (await consortium.view(`/api/studies/${STUDY}`)).offers, { timeout: 20_000 }).toBe(1);
    expect((await consortium.consilium(["study", "show", STUDY])).approvals).toContainEqual(
      expect.objectContaining({ site: "cleveland", answer: "rejected", offer: { epsilon: 1.4 }, reason: "our cap" }),
    );
    const planned = await consortium.consilium(["study", "revise", STUDY]);
    expect(planned).toMatchObject({ study: `${STUDY}-2`, proposed: false, plan: { cap: 1.4, fits: true } });
    await consortium.consilium(["study", "revise", STUDY, "--propose"]);
    for (const name of SITES) await consortium.approve(name, `${STUDY}-2`, "heart");
    await consortium.consilium(["study", "start", `${STUDY}-2`]);
    expect(await consortium.reached(`${STUDY}-2`, ["released", "rejected", "paused"])).toMatchObject({
      // What the gate says of so noisy an audit is another matter.
      state: expect.stringMatching(/^(released|rejected)$/),
      committedRounds: 6,
    });
    const { notices } = JSON.parse((await site(["notices"])).stdout);
    expect(notices.map(({ of, level }: { of: string; level: number }) => [of, level])).toEqual(
      expect.arrayContaining([["data-set", 50]]),
    );
    const seen = (await consortium.view("/api/notices")).notices.filter(
      (one: { site: string }) => one.site === "cleveland",
    );
    expect(seen.map(({ level }: { level: number }) => level)).toEqual(
      notices.map(({ level }: { level: number }) => level),
    );
  });

  test("raising takes a second steward, a reason and a number that waits", async () => {
    const raise = ["budget", "raise", "heart", "--epsilon", "3", "--reason", "a second study"];
    expect(await refusal(steward(["budget", "cap", "heart", "--epsilon", "3", "--delta", "1e-4"]))).toEqual([
      4,
      "budget/raise-takes-two",
    ]);
    expect(await refusal(steward(raise))).toEqual([4, "steward/second-missing"]);
    await consortium.steward("cleveland", ["steward", "add", "Dr. Koch", "--new-password-file", password]);
    expect(await refusal(steward(["steward", "add", "Dr. Koch", "--new-password-file", password]))).toEqual([
      4,
      "steward/known-already",
    ]);
    expect(JSON.parse((await site(["steward", "list"])).stdout).stewards).toHaveLength(2);
    expect(await refusal(steward(["budget", "raise", "heart", "--epsilon", "1", "--reason", "x"]))).toEqual([
      4,
      "budget/no-raise",
    ]);
    await consortium.steward("cleveland", raise);
    const grant = ["budget", "grant", "1", "--reason", "agreed"];
    expect(await refusal(steward([...grant, "--as", "steward-of-cleveland"]))).toEqual([4, "ledger/raise-by-one"]);
    expect(await refusal(steward([...grant, "--as", "Dr. Koch"]))).toEqual([4, "steward/password-wrong"]);
    expect(await refusal(steward(["budget", "grant", "7", "--reason", "x"]))).toEqual([4, "budget/raise-unknown"]);
    expect(await refusal(steward(["budget", "grant", "one", "--reason", "x"]))).toEqual([2, "budget/raise-number"]);
    // A password in a file says nothing of who sits there: whoever grants is named.
    expect(await refusal(steward(grant))).toEqual([2, "steward/granter-not-named"]);
    const unsaid = await steward(["budget", "grant", "1", "--reason", " "]);
    expect([unsaid.code, unsaid.stderr]).toEqual([2, expect.stringMatching(/--reason.*must say why/)]);
    const first = join(folder, "cleveland.steward-password");
    for (const shared of [first, password]) {
      const adding = steward(["steward", "add", "Dr. Bell", "--reason", "holidays", "--new-password-file", shared]);
      expect(await refusal(adding)).toEqual([2, "steward/password-shared"]);
    }
    await consortium.site("cleveland", [...grant, "--as", "Dr. Koch", "--password-file", password]);
    const { datasets } = JSON.parse((await site(["budget", "show"])).stdout);
    expect(datasets[0]).toMatchObject({
      cap: { epsilon: 3 },
      raises: [
        { number: 1, by: "steward-of-cleveland", settled: { isGranted: true, by: "Dr. Koch", reason: "agreed" } },
      ],
    });
  });

  test("from the second steward on, two of them let another one in, or refuse", async () => {
    const third = join(folder, "third-password");
    writeFileSync(third, "a third long password", { mode: 0o600 });
    const add = ["steward", "add", "Dr. Who", "--new-password-file", third];
    expect(await refusal(steward(add))).toEqual([2, "steward/no-reason"]);
    await consortium.steward("cleveland", [...add, "--reason", "holidays"]);
    expect(await refusal(steward([...add, "--reason", "holidays"]))).toEqual([4, "steward/asked-already"]);
    const list = async () => JSON.parse((await site(["steward", "list"])).stdout);
    expect(await list()).toMatchObject({ stewards: [{}, {}], waiting: [{ name: "Dr. Who", reason: "holidays" }] });
    const grant = ["steward", "grant", "Dr. Who", "--reason", "we know each other"];
    expect(await refusal(steward(grant))).toEqual([2, "steward/granter-not-named"]);
    expect(await refusal(steward([...grant, "--as", "steward-of-cleveland"]))).toEqual([4, "ledger/steward-by-one"]);
    const own = [...grant, "--as", "Dr. Who", "--password-file", third];
    expect(await refusal(site(own))).toEqual([4, "steward/signature-invalid"]);
    await consortium.steward("cleveland", ["steward", "refuse", "Dr. Who", "--reason", "not now"]);
    expect(await refusal(steward(grant))).toEqual([4, "steward/request-unknown"]);
    await consortium.steward("cleveland", [...add, "--reason", "holidays"]);
    await consortium.site("cleveland", [...grant, "--as", "Dr. Koch", "--password-file", password]);
    expect(await list()).toMatchObject({ stewards: [{}, {}, { name: "Dr. Who" }], waiting: [] });
  });

  test("each lowers alone, at once; what says nothing clear is refused before a password is asked for", async () => {
    await consortium.site("cleveland", [
      ...["budget", "lower", "heart", "--period", "calendar-year", "--epsilon", "2"],
      ...["--as", "Dr. Koch", "--password-file", password],
    ]);
    for (const flags of [[], ["--study", "a", "--period", "365-days", "--epsilon", "1"], ["--period", "365-days"]]) {
      expect(await refusal(steward(["budget", "lower", "heart", ...flags]))).toEqual([2, "budget/change-unclear"]);
    }
    expect((await steward(["budget", "lower", "heart", "--period", "month", "--epsilon", "1"])).code).toBe(2);
    expect(await refusal(steward(["budget", "lower", "nothing", "--epsilon", "1"]))).toEqual([2, "data/unknown"]);
    const { datasets } = JSON.parse((await site(["budget", "show"])).stdout);
    expect(datasets[0].caps).toContainEqual(
      expect.objectContaining({ of: "period", period: "calendar-year", epsilon: 2 }),
    );
  });

  test("ledger, export, verify and what-if agree; bad files are refused by name", async () => {
    const { entries } = JSON.parse((await site(["budget", "ledger", "--kind", "raise-settled"])).stdout);
    expect(entries).toMatchObject([{ body: { isGranted: true, by: "Dr. Koch" } }]);
    for (const unknown of [
      ["--study", "thrity"],
      ["--dataset", "heard"],
      ["--kind", "granted"],
      ["--charge", "none"],
    ]) {
      expect(await refusal(site(["budget", "ledger", ...unknown]))).toEqual([2, "ledger/unknown-name"]);
    }
    expect((await site(["budget", "ledger", "--dataset", "heart", "--study", STUDY])).code).toBe(0);
    const [own, theirs] = [join(folder, "cleveland.jsonl"), join(folder, "coordinator.jsonl")];
    await consortium.site("cleveland", ["budget", "export", "--to", own]);
    await consortium.consilium(["budget", "export", "--to", theirs]);
    expect(await refusal(site(["budget", "export", "--to", own]))).toEqual([2, "export/not-written"]);
    const verified = JSON.parse((await site(["budget", "verify", "--coordinator", theirs])).stdout);
    expect(verified).toMatchObject({ disagreements: [] });
    expect(readFileSync(own, "utf8").trim().split("\n")).toHaveLength(verified.entries + 1);
    const bad = join(folder, "bad.jsonl");
    writeFileSync(
      bad,
      readFileSync(theirs, "utf8").replace('"isGranted":true', '"isGranted":false').replace("heart", "heard"),
    );
    expect((await refusal(site(["budget", "verify", "--coordinator", bad])))[0]).toBe(1);
    expect(await refusal(site(["budget", "verify", "--coordinator", join(folder, "none")]))).toEqual([
      2,
      "verify/no-export",
    ]);
    const what = JSON.parse((await site(["budget", "what-if", file])).stdout);
    expect(what.budgets).toMatchObject([
      { dataset: "heart", cap: 3, fits: false, refusedBy: { limit: { of: "data-set" } } },
    ]);
    expect((await site(["budget", "what-if", join(folder, "none.yaml")])).code).toBe(2);
    expect((await site(["budget", "ledger", "--after", "much"])).code).toBe(2);
  });
});
