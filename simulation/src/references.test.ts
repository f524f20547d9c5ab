import { rmSync } from "node:fs";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { AuditReport } from "@consilium/shared/audit/report";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { spentCharges } from "@consilium/shared/release/statement";
import { referenceRounds } from "@consilium/shared/study/modelLines";
import { plannedEpsilons } from "@consilium/shared/study/noise";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { simulateOpenly } from "./openRun.ts";
import { studyAt } from "./points.ts";
import { type RunOptions, simulate } from "./run.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";

const folder = newFolder();
let backend: RunOptions["backend"];
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

function optionsOf(more: object): RunOptions {
  const shares = { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 };
  const set = {
    ...{ "training.rounds": 3, "evaluation.every": "3 rounds", "audit.bins": 4 },
    data: { schema: "./schema.yaml", label: "label", shares },
    "audit.attacks": ["loss", "relative-membership", "likelihood-ratio"],
    "audit.references": { models: 2, rounds: 3, noiseMultiplier: 2, samplingRate: 0.3 },
    ...more,
  };
  const { sweep, point } = onlyPoint(heartSweep(folder, { set, variants: [{ name: "private" }] }));
  const { document, weights } = studyAt(sweep, point);
  const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
  return { document, weights, ...around, folder: join(folder, "run") };
}

describe("[REF2, SHA3] reference models at whole sites, with both ledgers", () => {
  test.each<[string, object]>([
    ["as they are", {}],
    ["with normalised columns", { normalisation: { by: "quantiles", noiseMultiplier: 5, bins: 8, columns: ["age"] } }],
    ["with local steps", { "training.localSteps": 2, "training.local": { learningRate: 0.1 } }],
    [
      "with attacks that are learnt from the last one",
      {
        "audit.attacks": ["relative-membership", "class-threshold", "learned"],
        "audit.shadow": { epsilon: { members: 1, nonMembers: 1 }, bins: 4, steps: 20 },
      },
    ],
    [
      "with adaptive clipping and canaries",
      {
        "privacy.clipping": { mode: "adaptive", quantile: 0.5 },
        "audit.canaries": { count: 10, guesses: 5 },
      },
    ],
  ])("%s: charged as planned, and the audit tells of all attacks", async (_how, more) => {
    const options = optionsOf(more);
    const { document } = options;
    const result = await simulate(options);
    expect([result.state, result.rounds]).toEqual([expect.stringMatching(/^(released|rejected)$/), 3]);
    const lines = textOf(join(options.folder, "ledger.jsonl")).trim().split("\n");
    const state = replay(
      COORDINATOR,
      lines.map((line) => LedgerEntry.parse(JSON.parse(line))),
    );
    const spent = spentCharges(state, document.name).filter(({ part }) => part === "reference");
    const looks = document.audit.shadow === undefined ? 0 : 1;
    expect(spent).toHaveLength(4 * (referenceRounds(document) + looks));
    const planned = plannedEpsilons(document);
    expect(planned.reference).toBeGreaterThan(0);
    for (const site of result.sites) expect(site.epsilon).toBeCloseTo(Math.max(...Object.values(planned)), 9);
    const { histograms, shadow } = AuditReport.parse(JSON.parse(textOf(join(options.folder, "audit.json"))));
    expect(new Set(histograms.map(({ attack }) => attack))).toEqual(new Set(document.audit.attacks));
    expect(shadow?.sites.length ?? 0).toBe(4 * looks);
  });

  test("a run without privacy has none: it is held against the attacks on outputs alone", async () => {
    const result = await simulateOpenly(optionsOf({}), "pooled");
    expect(result.exact.attacks.map(({ attacks }) => attacks)).toEqual([["loss"]]);
    const none = optionsOf({ "audit.attacks": ["relative-membership"] });
    await expect(simulateOpenly(none, "pooled")).rejects.toMatchObject({ code: "sweep/no-open-attack" });
  });
});
