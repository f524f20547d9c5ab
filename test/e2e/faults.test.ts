import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { expectSoundLedgers } from "../support/soundLedgers.ts";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian", "va"];
const ENDED = ["released", "rejected"];
const CAP = 40;

/** Real processes, killed and stopped as machines do it; what is asked afterwards is what the ledgers say. */
describe("faults", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-faults-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      await consortium.enrol(name, { records: recordsOf("heart", name), dataset: "heart", epsilon: CAP, delta: 1e-4 });
      await consortium.startSite(name);
    }
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("[RND3] a coordinator killed in every state of a round goes on; no charge is lost or doubled", async () => {
    const study = await begin("killed-coordinator", { "training.answerAfter": "400ms", "training.deadline": "20s" });
    for (const [state, round] of [
      ["round-collecting", 3],
      ["round-aggregated", 6],
      ["round-committed", 8],
    ] as const) {
      await logged(
        "coordinator",
        (line) => line.event === state && line.study === study && Number(line.round) >= round,
      );
      await killed(consortium.coordinator);
      await consortium.startCoordinator();
      // Also during recovery, before a site is back.
      if (state === "round-collecting") {
        await killed(consortium.coordinator);
        await consortium.startCoordinator();
      }
    }
    const ended = await consortium.reached(study, ENDED);
    expect(ended.committedRounds).toBe(12);
    await expectSound(study, SITES);
  });

  test("[RND24] a site killed in a round is missed, comes back and takes part again", async () => {
    const study = await begin("killed-site", { "training.answerAfter": "300ms", "training.deadline": "10s" });
    await committed(study, 2);
    await killed(site("va"));
    await committed(study, 5);
    await consortium.startSite("va");
    const ended = await consortium.reached(study, ENDED);
    expect(ended.committedRounds).toBe(12);
    await expectSound(study, SITES);
    const { rounds } = await consortium.view(`/api/studies/${study}/rounds`);
    const answers = rounds.flatMap(({ sites }: Rounds) =>
      sites.filter((one) => one.site === "va").map((one) => one.answer),
    );
    expect(answers).toContain("answered");
    expect(
      rounds.some(({ sites }: Rounds) => !sites.some((one) => one.site === "va" && one.answer === "answered")),
    ).toBe(true);
  });

  test("[RND1] a silent site holds the others up by one deadline, not by more", async () => {
    const study = await begin("silent-site", { "training.answerAfter": "300ms", "training.deadline": "5s" });
    await committed(study, 1);
    site("hungarian").kill("SIGSTOP");
    await committed(study, 4);
    site("hungarian").kill("SIGCONT");
    const ended = await consortium.reached(study, ENDED);
    expect(ended.committedRounds).toBe(12);
    await expectSound(study, SITES);
  });

  test("[LED1] one altered byte in a ledger is refused at both sides", async () => {
    await consortium.stop();
    for (const [command, database, folderOf] of [
      ["consilium-site", "site.db", consortium.siteFolder("va")],
      ["consilium", "coordinator.db", consortium.coordinatorFolder],
    ] as const) {
      alterOneByte(join(folderOf, database));
      const start = command === "consilium" ? ["coordinator", "start"] : ["start"];
      const { code, stderr } = await consortium.processes.run(command, [...start, "--data", folderOf]);
      expect(code, stderr).not.toBe(0);
      expect(stderr).toMatch(/entry 3/i);
    }
  });

  async function begin(name: string, set: Record<string, unknown>): Promise<string> {
    const file = writeStudy("heart", folder, {
      name,
      sites: SITES,
      set: {
        ...{
          "training.rounds": 12,
          "training.minSites": 2,
          "evaluation.every": "6 rounds",
          "privacy.noiseMultiplier": 2.2,
        },
        ...{ "audit.gates.maxAttackAucUpper": 1, ...set },
      },
    });
    await consortium.beginStudy(file, name, "heart", SITES);
    return name;
  }

  function site(name: string): ChildProcess {
    const child = consortium.sites.get(name);
    if (child === undefined) throw new Error(`${name} was never started`);
    return child;
  }

  async function committed(study: string, round: number): Promise<void> {
    await logged(
      "coordinator",
      (line) => line.event === "round-committed" && line.study === study && Number(line.round) >= round,
    );
  }

  /** Waits for a line of a process's log that came after this call, or stands there already. */
  async function logged(process: string, isIt: (line: Record<string, unknown>) => boolean): Promise<void> {
    const path = join(consortium.logs, `${process}.log`);
    for (let tries = 0; tries < 30_000; tries++) {
      if (linesOf(path).some(isIt)) return;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`no such line in ${path}`);
  }

  async function expectSound(study: string, sites: readonly string[]): Promise<void> {
    await expectSoundLedgers(consortium, { study, sites, cap: CAP });
  }
});

/** Opens the database as an intruder with the file would: drops the guards, changes one digit of one entry. */
function alterOneByte(path: string): void {
  const database = new BetterSqlite3(path);
  database.exec("drop trigger ledger_entry_unchanged");
  const { sequence, line } = Altered.parse(
    database.prepare("select sequence, line from ledger_entry where sequence = 3").get(),
  );
  const at = line.search(/"hash":"./) + '"hash":"'.length;
  const digit = line[at] === "0" ? "1" : "0";
  const altered = line.slice(0, at) + digit + line.slice(at + 1);
  database.prepare("update ledger_entry set line = ? where sequence = ?").run(altered, sequence);
  database.close();
}

/** Whole lines of a log: the last may be half written, and one that a kill cut short stays so. */
function linesOf(path: string): Record<string, unknown>[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((text) => {
      try {
        return [z.record(z.string(), z.unknown()).parse(JSON.parse(text))];
      } catch {
        return [];
      }
    });
}

const Altered = z.object({ sequence: z.number(), line: z.string() });

interface Rounds {
  readonly sites: readonly { readonly site: string; readonly answer: string }[];
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
