import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { afterAll, expect, test } from "vitest";
import { keyFile, resultKept } from "./order.ts";
import { heartRecords, heartSweep, newFolder } from "./sweep.test-support.ts";
import { runSweep } from "./sweep.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const part = { patients: 0, accuracy: null, auc: null };
const result = {
  ...{ formatVersion: 1, study: "heart", studyDigest: digestOf("study"), state: "released", reason: null, rounds: 3 },
  ...{ seconds: 1, epsilon: 1, delta: 1e-4, recordEpsilon: null, sites: [], limit: 0.7, broken: [] },
  noised: { auc: null, accuracy: null, bestAttackAuc: null, gatePassed: true },
  exact: { train: part, held: part, heldOfSites: [], attacks: [], bestAttackAuc: null },
  ...{ ledger: { sequence: 1, hash: digestOf("head") }, softwareVersion: "0" },
};

test("[SIM6] a run is kept with its ledger and a whole result alone; else it is run again", () => {
  const key = digestOf("key");
  const run = join(folder, "run");
  mkdirSync(run);
  writeFileSync(keyFile(run), `${key}\n`);
  writeFileSync(join(run, "result.json"), JSON.stringify(result));
  expect(resultKept({ folder: run, key })).toBeNull();
  writeFileSync(join(run, "ledger.jsonl"), "{}\n");
  expect(resultKept({ folder: run, key })).toMatchObject({ study: "heart" });
  expect(resultKept({ folder: run, key: digestOf("other") })).toBeNull();
  writeFileSync(join(run, "result.json"), "{broken");
  expect(resultKept({ folder: run, key })).toBeNull();
});

/** What is said before anything is run. */
async function told(more: object): Promise<{ readonly odd: readonly string[]; readonly why: string }> {
  const odd: string[] = [];
  const sweep = readSweep(heartSweep(folder, more));
  const options = { sweep, out: join(folder, "out"), jobs: 1, only: undefined, isReal: false };
  // No worker is started here, so that every sweep that would run ends in a failed one.
  const why = await runSweep({
    ...options,
    onOddity: (what) => odd.push(what),
    onResolved: () => undefined,
    onProgress: stopAtStart,
  }).then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );
  return { odd, why };
}

function stopAtStart(): void {
  throw new Error("it begins");
}

test("[SIM2] a site that the study has not is refused by name; records that two sites share, or that are few, are told", async () => {
  const records = Object.fromEntries(heartRecords());
  expect((await told({ records: { ...records, clevelnd: "x.csv" } })).why).toContain("clevelnd, which is no site");
  const twins = await told({ records: { ...records, cleveland: records.va } });
  expect(twins.why).toBe("it begins");
  expect(twins.odd.join()).toContain("va and cleveland have the same records");
  const few = join(folder, "few.csv");
  const rows = readFileSync(records.va ?? "", "utf8").split("\n");
  writeFileSync(few, `${rows.slice(0, 20).join("\n")}\n`);
  expect((await told({ records: { ...records, va: few } })).odd.join()).toContain("far from the study's public number");
  writeFileSync(few, "");
  expect((await told({ records: { ...records, va: few } })).why).toContain("few.csv, the records of va:");
});
