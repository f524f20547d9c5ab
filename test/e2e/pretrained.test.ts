import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { readModelFile } from "@consilium/shared/release/model";
import { StudyDocument } from "@consilium/shared/study/document";
import { weightsOfStudy } from "@consilium/shared/study/network";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { backboneFile, scansCsv, scansStudy } from "../support/pretrainedStudy.ts";
import { expectSoundLedgers } from "../support/soundLedgers.ts";

const SITES = ["aachen", "basel"];
/** Its steps are shared by two worker processes. */
const SHARING = "aachen";
const STUDY = "pretrained-scans";
const CAP = 40;
const ROUNDS = 8;
const PATIENTS = 240;

/** Real processes: weights go from the proposer's file to every site, into each engine, and into the release. */
describe("[STU41] a study whose backbone is pretrained and frozen", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-pretrained-"));
  const consortium = new Consortium(folder);
  const file = join(folder, "backbone.safetensors");
  const study = join(folder, "study.yaml");
  writeFileSync(file, backboneFile());
  writeFileSync(
    study,
    scansStudy({ name: STUDY, sites: SITES, trainPatients: 168, rounds: ROUNDS, weights: "./backbone.safetensors" }),
  );

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const [index, name] of SITES.entries()) {
      const records = join(folder, `${name}.csv`);
      writeFileSync(records, scansCsv(index + 1, PATIENTS));
      await consortium.enrol(name, { records, dataset: "scans", epsilon: CAP, delta: 1e-4 });
      await consortium.startSite(name, name === SHARING ? { CONSILIUM_ENGINE__WORKERS: "2" } : {});
    }
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a proposal brings the file; approving says where it came from and fetches it", async () => {
    await consortium.consilium(["study", "propose", study]);
    const { document } = await consortium.view(`/api/studies/${STUDY}`);
    const named = weightsOfStudy(StudyDocument.parse(document));
    expect(named?.source).toEqual({ file: "backbone.safetensors", digest: digestOf(readFileSync(file)) });
    expect(named?.fresh).toEqual(["linear"]);
    expect(digestOf(readFileSync(weightsAt("coordinator")))).toBe(named?.digest);
    for (const name of SITES) await consortium.approve(name, STUDY, "scans");
    for (const name of SITES) {
      await logged(name, (line) => line.event === "weights-fetched");
      expect(digestOf(readFileSync(weightsAt(name)))).toBe(named?.digest);
    }
  });

  test("[ENG31] a worker killed in the middle of a step takes nothing of the round along", async () => {
    const [stopped, other] = await workersOf(SHARING);
    const pid = stopped?.pid ?? Number.NaN;
    expect([stopped, other]).toMatchObject([ready("CPU 0"), ready("CPU 1")]);
    // Stopped from before the first step on, it owes that step's sum when it is killed, the other one's is there.
    process.kill(pid, "SIGSTOP");
    await consortium.consilium(["study", "start", STUDY]);
    const stuck = [{ ...ready("CPU 0"), state: "computing" }, ready("CPU 1")];
    await expect.poll(() => workersOf(SHARING), { timeout: 60_000 }).toMatchObject(stuck);
    expect(readdirSync(join(consortium.siteFolder(SHARING), "outbox"))).toEqual([]);
    process.kill(pid, "SIGKILL");
    await logged("coordinator", (line) => line.event === "round-committed" && line.round === 1);
    const { rounds } = Rounds.parse(await consortium.view(`/api/studies/${STUDY}/rounds`));
    // One attempt, which took both.
    expect(rounds.filter(({ key }) => key.round === 1 && key.purpose === "train")).toMatchObject([
      { key: { attempt: 1 }, outcome: "committed", sites: SITES.map((site) => ({ site, answer: "answered" })) },
    ]);
  });

  test("training goes on after both ends were killed, and an altered copy at a site is fetched again", async () => {
    await logged("coordinator", (line) => line.event === "round-committed" && Number(line.round) >= 2);
    // Killed while it computes, a site loses its part for good, and both are needed: it is packed by now.
    await packed("basel");
    await Promise.all([killed(consortium.coordinator), killed(consortium.sites.get("basel"))]);
    const copy = weightsAt("basel");
    const bytes = readFileSync(copy);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(copy, bytes);
    await consortium.startCoordinator();
    await consortium.startSite("basel");
    const ended = await consortium.reached(STUDY, ["released", "rejected", "paused"]);
    expect(ended.reason).toBe("the audit passed the study's gate");
    expect(ended).toMatchObject({ state: "released", committedRounds: ROUNDS });
    expect(readFileSync(join(consortium.logs, "basel.log"), "utf8")).toContain("weights-altered");
    await expectSoundLedgers(consortium, { study: STUDY, sites: SITES, cap: CAP });
  });

  test("the worker came back; status, doctor and the log tell of it, and of what computes the study", async () => {
    const again = { ...ready("CPU 0"), restarts: 1, why: "ended by SIGKILL" };
    await expect.poll(() => workersOf(SHARING), { timeout: 30_000 }).toMatchObject([again, ready("CPU 1")]);
    const at = ["--data", consortium.siteFolder(SHARING)];
    const { stdout } = await consortium.processes.run("consilium-site", ["doctor", ...at]);
    expect(stdout).toMatch(/pass +workers +CPU 0 \(\w+\) ready; restarted once, last: ended by SIGKILL; CPU 1/);
    const status = await consortium.processes.run("consilium-site", ["engine", "status", ...at]);
    expect(status.stdout).toMatch(/^worker +CPU 0 \(\w+\) ready; restarted once, last: ended by SIGKILL$/m);
    expect(status.stdout).toMatch(new RegExp(`^study +${STUDY} on (native|wasm): `, "m"));
    await logged(SHARING, (line) => line.event === "study-opened" && line.study === STUDY);
  });

  test("[REL7] the release holds the frozen parameters as they were signed, verifies, and predicts", async () => {
    const release = join(consortium.coordinatorFolder, "releases", STUDY);
    const document = StudyDocument.parse(JSON.parse(readFileSync(join(release, RELEASE_PATHS.study), "utf8")));
    const { parameters, frozen } = readModelFile(document, readFileSync(join(release, RELEASE_PATHS.model)));
    expect(modelDigest(frozen)).toBe(weightsOfStudy(document)?.frozen);
    expect(modelDigest(parameters)).not.toBe(weightsOfStudy(document)?.initial);
    expect(parameters).toHaveLength(65);
    const verified = await consortium.processes.run("consilium", ["verify", release, "--key", publicKey()]);
    expect(verified.code, verified.stderr).toBe(0);
    const out = join(folder, "predictions.csv");
    const table = join(folder, "aachen.csv");
    const predict = ["predict", "--release", release, "--in", table, "--key", publicKey(), "--out", out];
    const { code, stderr } = await consortium.processes.run("consilium-site", predict);
    expect(code, stderr).toBe(0);
    const rows = readFileSync(out, "utf8").trim().split("\n").slice(1);
    expect(rows).toHaveLength(PATIENTS);
    // Features of another backbone would give every record the same answer.
    expect(new Set(rows.map((row) => row.split(",")[1])).size).toBeGreaterThan(PATIENTS / 2);
  });

  test("one frozen number altered is refused", async () => {
    const release = join(consortium.coordinatorFolder, "releases", STUDY);
    const altered = join(folder, "altered");
    cpSync(release, altered, { recursive: true });
    const path = join(altered, RELEASE_PATHS.model);
    const bytes = readFileSync(path);
    bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { code } = await consortium.processes.run("consilium", ["verify", altered, "--key", publicKey()]);
    expect(code).not.toBe(0);
  });

  function publicKey(): string {
    if (consortium.publicKey === null) throw new Error("no coordinator ran");
    return consortium.publicKey;
  }

  function folderOf(party: string): string {
    return join(party === "coordinator" ? consortium.coordinatorFolder : consortium.siteFolder(party), "weights");
  }

  function weightsAt(party: string): string {
    const [own] = readdirSync(folderOf(party)).filter((name) => !name.endsWith(".part"));
    if (own === undefined) throw new Error(`${party} has no weights file`);
    return join(folderOf(party), own);
  }

  /** Waits until a site has a round's contribution, the third's or a later one's, whole in its outbox. */
  async function packed(site: string): Promise<void> {
    const outbox = join(consortium.siteFolder(site), "outbox");
    for (let tries = 0; tries < 3000; tries++) {
      if (readdirSync(outbox).some((name) => /train-[3-9].*\.contribution$/.test(name))) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`nothing was packed in ${outbox}`);
  }

  async function workersOf(site: string): Promise<readonly WorkerStatus[]> {
    return WorkerStatus.array().parse((await consortium.site(site, ["status"])).workers);
  }

  /** Waits for a line of a process's log. */
  async function logged(process: string, isIt: (line: Record<string, unknown>) => boolean): Promise<void> {
    const path = join(consortium.logs, `${process}.log`);
    for (let tries = 0; tries < 6000; tries++) {
      const lines = readFileSync(path, "utf8").trim().split("\n");
      if (lines.some((text) => text !== "" && isIt(JSON.parse(text)))) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no such line in ${path}`);
  }
});

const WorkerStatus = z.looseObject({ device: z.string(), pid: z.number().nullable() });
type WorkerStatus = z.infer<typeof WorkerStatus>;

const Answer = z.object({ site: z.string(), answer: z.string() });
const Rounds = z.object({
  rounds: z.array(z.object({ key: RoundKey, outcome: z.string(), sites: z.array(Answer) })),
});

function ready(device: string) {
  return { device, state: "ready", restarts: 0, why: null };
}

async function killed(child: ChildProcess | null | undefined): Promise<void> {
  if (child === null || child === undefined) throw new Error("there is no such process");
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
