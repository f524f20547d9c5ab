import { rmSync } from "node:fs";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { AuditReport } from "@consilium/shared/audit/report";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { spentCharges } from "@consilium/shared/release/statement";
import { plannedEpsilons } from "@consilium/shared/study/noise";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { studyAt } from "./points.ts";
import { type RunOptions, simulate } from "./run.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";

const folder = newFolder();
let backend: RunOptions["backend"];
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

function optionsOf(more: object = {}): RunOptions {
  const set = {
    ...{ "training.rounds": 5, "evaluation.every": "3 rounds", "audit.bins": 4 },
    data: { schema: "./schema.yaml", label: "label", shares: { train: 0.6, validation: 0.2, audit: 0.2 } },
    model: { preset: "acgan", hidden: [16] },
    generator: { latent: 4, hidden: [16], keepEvery: 2, best: 2, epsilon: 0.3, records: 60, batch: 16, seed: 5 },
    "audit.attacks": ["loss", "closest-record"],
    ...more,
  };
  const { sweep, point } = onlyPoint(heartSweep(folder, { set, variants: [{ name: "private" }] }));
  const { document, weights } = studyAt(sweep, point);
  const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
  return { document, weights, ...around, folder: join(folder, "run") };
}

describe("[GEN2] a generator at whole sites, with both ledgers", () => {
  test("is chosen by charged picks, and what it makes is audited as it is released", async () => {
    const options = optionsOf();
    const { document } = options;
    const result = await simulate(options);
    expect([result.state, result.rounds]).toEqual([expect.stringMatching(/^(released|rejected)$/), 5]);
    const lines = textOf(join(options.folder, "ledger.jsonl")).trim().split("\n");
    const state = replay(
      COORDINATOR,
      lines.map((line) => LedgerEntry.parse(JSON.parse(line))),
    );
    const spent = spentCharges(state, document.name).filter(({ event }) => event.kind === "exponential-mechanism");
    expect(spent.map(({ part, event: { count } }) => [part, count])).toEqual(
      document.sites.map(() => ["validation", 2]),
    );
    const planned = plannedEpsilons(document);
    for (const site of result.sites) expect(site.epsilon).toBeCloseTo(Math.max(...Object.values(planned)), 9);
    const { histograms, utility } = AuditReport.parse(JSON.parse(textOf(join(options.folder, "audit.json"))));
    expect(new Set(histograms.map(({ attack }) => attack))).toEqual(new Set(document.audit.attacks));
    expect(utility?.sites.map(({ site }) => site)).toEqual(document.sites.map(({ name }) => name).sort());
  });
});
