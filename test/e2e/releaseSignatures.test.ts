import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const Made = z.object({ publicKey: z.string() });

describe("[REL12, REL13, REL14, REL15, REL16] signing, overriding and revoking a release, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-signing-"));
  const consortium = new Consortium(folder);
  const at = (name: string): string => join(folder, name);
  const releaseOf = (study: string): string => join(consortium.coordinatorFolder, "releases", study);
  const run = (command: "consilium" | "consilium-site", args: string[]) => consortium.processes.run(command, args);
  const json = async (args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run("consilium", [...args, "--json"]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  const verify = (study: string, ...more: string[]) =>
    run("consilium", [
      "verify",
      releaseOf(study),
      "--key",
      join(consortium.coordinatorFolder, "consortium.pub"),
      ...more,
    ]);
  const handIn = (file: string) => consortium.consilium(["release", "hand-in", file]);
  const asAuditor = ["--as", "koch", "--auditor-key", at("koch.key")];
  const key = () => ["--key", join(consortium.coordinatorFolder, "consortium.pub")];

  const study = (name: string, publicKey: string, set: object): string =>
    writeStudy("heart", folder, {
      name,
      sites: SITES,
      set: {
        ...{ "training.rounds": 4, "training.minSites": 2, "evaluation.every": "4 rounds", "privacy.epsilon": 4 },
        // So little noise that the AUC can be told: then the limit alone decides.
        ...{ "audit.attacks": ["loss"], "audit.epsilon": { members: 3, nonMembers: 3 } },
        "release.signatures": { sites: 0, auditors: [{ name: "koch", key: publicKey }], ...set },
      },
    });

  beforeAll(async () => {
    await consortium.createCoordinator();
    const { publicKey } = Made.parse(await json(["audit", "key", "--out", at("koch.key")]));
    const two = study("signed", publicKey, { sites: 2, fromAuditors: 1 });
    writeFileSync(two, readFileSync(two, "utf8").replace(/maxAttackAucUpper: [\d.]+/, "maxAttackAucUpper: 1"));
    const strict = study("strict", publicKey, { fromAuditors: 0 });
    writeFileSync(strict, readFileSync(strict, "utf8").replace(/maxAttackAucUpper: [\d.]+/, "maxAttackAucUpper: 0.5"));
    for (const site of SITES) {
      await consortium.enrol(site, { records: recordsOf("heart", site), dataset: "heart", epsilon: 12, delta: 1e-4 });
      await consortium.startSite(site);
    }
    await consortium.beginStudy(two, "signed", "heart", SITES);
    await consortium.reached("signed", ["signing", "rejected", "paused"]);
    await consortium.beginStudy(strict, "strict", "heart", SITES);
    await consortium.reached("strict", ["released", "rejected", "paused"]);
  }, 180_000);

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a release that waits doesn't verify for want of signatures alone; with the last one it is out", async () => {
    const watched = await run("consilium", ["study", "watch", "signed", "--data", consortium.coordinatorFolder]);
    expect(watched.code).toBe(4);
    expect(watched.stdout).toContain("signatures of 2 sites and 1 auditor are missing");
    const waiting = await verify("signed");
    expect(waiting.code).toBe(1);
    expect(waiting.stdout.match(/^FAILED {2}\w+/gm)).toEqual(["FAILED  signers"]);
    expect(waiting.stdout).toContain("2 of cleveland, hungarian; 1 of auditor:koch must still sign");
    for (const site of SITES) {
      const out = at(`${site}.json`);
      await consortium.steward(site, ["release", "sign", releaseOf("signed"), "--out", out, "--yes"]);
      await handIn(out);
    }
    expect((await verify("signed")).code).toBe(1);
    const signed = at("koch.json");
    await json(["release", "sign", releaseOf("signed"), ...key(), ...asAuditor, "--out", signed]);
    expect(await handIn(signed)).toMatchObject({ state: "released", missing: { sites: 0, auditors: 0 } });
    const out = await verify("signed");
    expect(out.stdout).toContain("ok      signers");
    expect(out.code).toBe(0);
    // The same once more changes nothing; another answer of the same auditor is refused.
    expect(await handIn(signed)).toMatchObject({ state: "released" });
    const late = at("koch-late.json");
    await json(["release", "sign", releaseOf("signed"), ...key(), ...asAuditor, "--refuse", "too late", "--out", late]);
    expect(await handIn(late).catch((error: unknown) => String(error))).toContain("release/answered");
  });

  test("a release that was altered in hand is signed by nobody", async () => {
    const copy = at("copy.tar");
    await run("consilium", ["release", "pack", releaseOf("signed"), "--to", copy]);
    const bytes = readFileSync(copy);
    bytes.writeUInt8(bytes.readUInt8(2000) ^ 1, 2000);
    writeFileSync(copy, bytes);
    const sign = ["release", "sign", copy, ...key(), ...asAuditor, "--out", at("never.json")];
    const refused = await run("consilium", sign);
    expect(refused.code).not.toBe(0);
    expect(() => readFileSync(at("never.json"))).toThrow("ENOENT");
  });

  test("an auditor overrides the gate's refusal: the release says so wherever one looks, and verifies", async () => {
    const view = await consortium.consilium(["audit", "show", "strict"]);
    writeFileSync(at("audit.json"), JSON.stringify(view));
    const reason = "Only 58 patients are held out: the bound is wide, and no leak was seen.";
    const args = ["audit", "override", "--from", at("audit.json"), ...asAuditor, "--out", at("override.json")];
    const short = await run("consilium", [...args, "--reason", "fine"]);
    expect(short).toMatchObject({ code: 2 });
    await json([...args, "--reason", reason]);
    await handIn(at("override.json"));
    expect((await consortium.reached("strict", ["released", "paused"])).state).toBe("released");
    const overridden = await verify("strict");
    expect(overridden.code).toBe(0);
    expect(overridden.stdout.split("\n")[0]).toMatch(
      /^The gate refused this model: .*Auditor koch overrode it: Only 58/,
    );
    for (const file of ["README.md", "AUDIT.md", "audit.html"])
      expect(readFileSync(join(releaseOf("strict"), file), "utf8")).toContain(reason);
    const moves = await consortium.consilium(["study", "show", "strict"]);
    expect(JSON.stringify(moves)).toContain(reason);
    expect(await handIn(at("override.json")).catch((error: unknown) => String(error))).toContain("nothing-to-override");
  });

  test("a revoked release is refused where the notice lies beside it, or is named; a copy without it can't know", async () => {
    await consortium.consilium(["release", "revoke", "strict", "--reason", "one site's labels were wrong"]);
    const refused = await verify("strict");
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("one site's labels were wrong");
    expect((await verify("signed")).code).toBe(0);
    const copy = at("strict.tar");
    await run("consilium", ["release", "pack", releaseOf("strict"), "--to", copy]);
    expect((await run("consilium", ["verify", copy, ...key()])).code).toBe(0);
    const list = join(consortium.coordinatorFolder, "releases", "revocations.json");
    expect((await run("consilium", ["verify", copy, ...key(), "--revocations", list])).code).toBe(1);
    expect((await run("consilium", ["verify", copy, ...key(), "--revocations", at("audit.json")])).code).toBe(2);
    const { releases } = z
      .object({ releases: z.array(z.object({ study: z.string(), state: z.string() })) })
      .parse(await consortium.consilium(["release", "list"]));
    expect(releases).toContainEqual(expect.objectContaining({ study: "strict", state: "revoked" }));
    // What a crash or a hand did to the list, the next start puts right.
    const told = readFileSync(list, "utf8");
    writeFileSync(list, JSON.stringify({ kind: "consilium-revocations", revocations: [] }));
    consortium.coordinator.kill("SIGKILL");
    await new Promise((resolve) => consortium.coordinator.once("exit", resolve));
    await consortium.startCoordinator();
    expect(readFileSync(list, "utf8")).toBe(told);
  });
});
