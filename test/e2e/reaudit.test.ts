import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const Budgets = z.object({ document: z.object({ privacy: z.object({ epsilon: z.number() }) }), state: z.string() });

describe("[REA1, REA2, REA3] a released model audited again, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-again-"));
  const consortium = new Consortium(folder);
  const releases = (): string => join(consortium.coordinatorFolder, "releases");
  const record = (): string => join(releases(), "first-again.reaudit.json");
  const verify = (...more: string[]) =>
    consortium.processes.run("consilium", [
      ...["verify", join(releases(), "first"), "--key", join(consortium.coordinatorFolder, "consortium.pub"), ...more],
    ]);
  const ask = (study: string, ...more: string[]) => [
    ...["audit", "again", study, "--epsilon-members", "3", "--epsilon-non-members", "3"],
    ...["--reason", "an attack on entropies was found", ...more],
  ];

  beforeAll(async () => {
    await consortium.createCoordinator();
    const file = writeStudy("heart", folder, {
      name: "first",
      sites: SITES,
      set: {
        ...{ "training.rounds": 4, "training.minSites": 2, "evaluation.every": "4 rounds", "privacy.epsilon": 4 },
        ...{ "audit.attacks": ["loss"], "audit.epsilon": { members: 1, nonMembers: 3 } },
        "audit.gates": { maxAttackAucUpper: 1 },
      },
    });
    for (const site of SITES) {
      await consortium.enrol(site, { records: recordsOf("heart", site), dataset: "heart", epsilon: 14, delta: 1e-4 });
      await consortium.startSite(site);
    }
    await consortium.beginStudy(file, "first", "heart", SITES);
    await consortium.reached("first", ["released", "rejected", "paused"]);
  }, 120_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("what isn't released, or needs more than the model, is refused before anybody is asked", async () => {
    await expect(consortium.consilium(ask("nothing", "--attacks", "loss"))).rejects.toThrow("There is no study");
    await expect(consortium.consilium(ask("first", "--attacks", "learned"))).rejects.toThrow("needs more than");
    await expect(consortium.consilium(ask("first", "--attacks", "los"))).rejects.toThrow("doesn't know");
  });

  test("its sites approve a charge of its own, and what it finds lies signed beside the release", async () => {
    const spent = async (): Promise<number> => {
      const shown = JSON.stringify(await consortium.consilium(["budget", "show"]));
      const found = [...shown.matchAll(/"spentEpsilon":([\d.]+)/g)].map(([, value]) => Number(value));
      return Math.max(...found);
    };
    const before = await spent();
    await consortium.consilium(ask("first", "--attacks", "entropy,loss"));
    for (const site of SITES)
      await consortium.steward(site, ["study", "approve", "first-again", "--dataset", "heart", "--yes"]);
    // A coordinator that is started anew still has the model that is to be audited.
    const ended = once(consortium.coordinator, "exit");
    consortium.coordinator.kill("SIGKILL");
    await ended;
    await consortium.startCoordinator();
    await consortium.consilium(["study", "start", "first-again"]);
    const done = await consortium.reached("first-again", ["audited", "released", "rejected", "paused"]);
    expect(done.state).toBe("audited");
    expect(await spent()).toBeGreaterThan(before);
    const detail = Budgets.parse(await consortium.consilium(["study", "show", "first-again"]));
    expect(detail.document.privacy.epsilon).toBe(6);
    const audit = JSON.stringify(await consortium.consilium(["audit", "show", "first-again"]));
    expect(audit).toContain('"entropy"');
    const verified = await verify();
    expect(verified.stdout).toContain("ok      reaudits");
    expect(verified.code).toBe(0);
    expect((await verify("--reaudit", record())).code).toBe(0);
  });

  test("an altered record, or one of another release, is named", async () => {
    const genuine = readFileSync(record(), "utf8");
    writeFileSync(record(), genuine.replace('"passed":true', '"passed":false'));
    const altered = await verify();
    expect(altered.code).toBe(1);
    expect(altered.stdout).toContain("first-again.reaudit.json is not signed by the key that you trust");
    writeFileSync(record(), "{}");
    expect((await verify()).code).toBe(2);
    writeFileSync(record(), genuine);
    expect((await verify()).code).toBe(0);
  });
});
