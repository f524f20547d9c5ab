import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { spentCharges } from "@consilium/shared/release/statement";
import { promisedBy, type SanitizedWords } from "@consilium/shared/sanitizer/promise";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { plannedEpsilons } from "@consilium/shared/study/noise";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { simulateOpenly } from "./openRun.ts";
import { studyAt } from "./points.ts";
import { RunResult } from "./result.ts";
import { type RunOptions, simulate } from "./run.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint, textOf } from "./sweep.test-support.ts";

const folder = newFolder();
let backend: RunOptions["backend"];
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

function optionsOf(more: object): RunOptions {
  const { sweep, point } = onlyPoint(heartSweep(folder, more));
  const { document, weights } = studyAt(sweep, point);
  const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
  return { document, weights, ...around, folder: join(folder, "run") };
}

function sanitizingIn({ body }: LedgerEntry): SanitizedWords[] {
  return body.kind === "sanitizing" ? [body] : [];
}

describe("[SIM3] a simulated run", () => {
  test("a whole study: every site's charges in the ledger that stays, its ε as planned, its records gone", async () => {
    const options = optionsOf({ set: { "training.rounds": 3, "evaluation.every": "3 rounds", "audit.bins": 4 } });
    const { document } = options;
    const result = await simulate({ ...options, random: operatingSystemRandom });
    expect(["released", "rejected"]).toContain(result.state);
    expect(result.rounds).toBe(3);
    const lines = textOf(join(options.folder, "ledger.jsonl")).trim().split("\n");
    const entries = lines.map((line) => LedgerEntry.parse(JSON.parse(line)));
    expect(entries.at(-1)).toMatchObject({ hash: result.ledger?.hash });
    const spent = spentCharges(replay(COORDINATOR, entries), document.name);
    // Of each of four sites three steps, one evaluation, and the audit's two parts.
    expect(spent).toHaveLength(4 * 6);
    const planned = plannedEpsilons(document);
    for (const site of result.sites) expect(site.epsilon).toBeCloseTo(Math.max(...Object.values(planned)), 9);
    expect(result.exact.train.patients + result.exact.held.patients).toBe(920);
    expect(readdirSync(options.folder).sort()).toEqual(["audit.json", "ledger.jsonl", "result.json", "study.json"]);
    expect(RunResult.parse(JSON.parse(textOf(join(options.folder, "result.json"))))).toEqual(result);
  });

  test("on sanitized records: charged by the site's own command, and training costs nothing more", async () => {
    const { sweep, point } = onlyPoint(
      heartSweep(folder, {
        set: {
          ...{ "training.rounds": 2, "evaluation.every": "2 rounds" },
          privacy: {
            ...{ epsilon: 4, delta: 1e-4, mechanism: "sanitized", clippingNorm: 4, samplingRate: 0.5 },
            sanitized: { promise: "record", epsilon: 27 },
          },
        },
        variants: [
          {
            name: "sanitized",
            sanitize: { method: "dct-laplace", epsilon: 25, coefficients: 29, clip: 8, labels: "randomised:2" },
          },
        ],
      }),
    );
    const { document, weights } = studyAt(sweep, point);
    const { sanitize: rule } = point;
    if (rule === undefined) throw new Error("the variant sanitizes");
    const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
    const run = { document, weights, ...around, folder: join(folder, "sanitized") };
    const result = await simulate({ ...run, sanitize: { rule, schema: sweep.studyPath } });
    expect(result.recordEpsilon).toBe(27);
    expect(result.sites.map(({ trainingEpsilon }) => trainingEpsilon)).toEqual([0, 0, 0, 0]);
    const ledger = textOf(join(run.folder, "ledger.jsonl"));
    expect(ledger.match(/"kind":"sanitizing"/g)).toHaveLength(4);
    const bodies = ledger
      .trim()
      .split("\n")
      .flatMap((line) => sanitizingIn(LedgerEntry.parse(JSON.parse(line))));
    // What the ledger's own events promise: a noise's scale is rounded to its grid.
    for (const body of bodies) expect(promisedBy(body, document.privacy.delta).record?.epsilon).toBeCloseTo(27, 5);
  });

  test("on records sanitized by distance: the whole record's worst case is what the ledger's events promise", async () => {
    const sanitize = { method: "dct-metric", promise: "metric", epsilon: 2, coefficients: 29, clip: 4, firstClip: 3 };
    const privacy = {
      ...{ epsilon: 4, delta: 1e-4, mechanism: "sanitized", clippingNorm: 4, samplingRate: 0.5 },
      sanitized: { promise: "metric", epsilonPerDistance: 2.01 },
    };
    const set = { "training.rounds": 1, "evaluation.every": "1 round", privacy };
    const { sweep, point } = onlyPoint(
      heartSweep(folder, { set, variants: [{ name: "sanitized", sanitize: { ...sanitize, labels: "randomised:2" } }] }),
    );
    const { document, weights } = studyAt(sweep, point);
    if (point.sanitize === undefined) throw new Error("the variant sanitizes");
    const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1 };
    const run = { document, weights, ...around, folder: join(folder, "by-distance") };
    const result = await simulate({ ...run, sanitize: { rule: point.sanitize, schema: sweep.studyPath } });
    // Between records at both clips' ends, and by the label.
    expect(result.recordEpsilon).toBeCloseTo(2 * 2 * 5 + 2, 9);
    const lines = textOf(join(run.folder, "ledger.jsonl")).trim().split("\n");
    const bodies = lines.flatMap((line) => sanitizingIn(LedgerEntry.parse(JSON.parse(line))));
    expect(bodies).toHaveLength(4);
    for (const body of bodies) {
      const promised = promisedBy(body, document.privacy.delta).record?.epsilon ?? 0;
      expect(promised / (result.recordEpsilon ?? 1)).toBeCloseTo(1, 2);
    }
  });

  test("a release that waits for signatures is where a simulation ends: nobody here signs for an auditor", async () => {
    const short = { "training.rounds": 2, "evaluation.every": "2 rounds", "audit.gates.maxAttackAucUpper": 1 };
    const audit = { "audit.attacks": ["loss"], "audit.epsilon": { members: 3, nonMembers: 3 } };
    const auditors = [{ name: "koch", key: signerOf(new Uint8Array(32).fill(4)).publicKey }];
    const set = { ...short, ...audit, "release.signatures": { auditors, fromAuditors: 1 } };
    const result = await simulate(optionsOf({ set }));
    expect(result).toMatchObject({ state: "signing", noised: { gatePassed: true } });
    expect(result.reason).toContain("signatures of 1 auditor are missing");
  });

  test("without records of a site, or with records that don't fit, nothing is run and nothing stays", async () => {
    const options = optionsOf({});
    const [first] = options.document.sites;
    if (first === undefined) throw new Error("a study has sites");
    const missing = new Map(options.records);
    missing.delete(first.name);
    await expect(simulate({ ...options, records: missing })).rejects.toThrow("no records are named for it");
    const unfit = new Map(options.records).set(first.name, heartSweep(folder, {}));
    await expect(simulate({ ...options, records: unfit })).rejects.toThrow();
    expect(existsSync(join(options.folder, "result.json"))).toBe(false);
    expect(existsSync(join(options.folder, "work"))).toBe(false);
  });
});

describe("[SIM4] the same training without privacy", () => {
  test("is held against the same audit and never passes the gate: nothing is proven of it", async () => {
    const options = optionsOf({});
    const result = await simulateOpenly(options, "pooled");
    expect(result).toMatchObject({ state: "not-private", epsilon: null, sites: [], ledger: null });
    expect(result.noised.gatePassed).toBe(false);
    expect(result.broken.join()).toContain("epsilon-within-cap: ε = Infinity");
    expect(result.noised.bestAttackAuc).not.toBeNull();
  });

  test("trained long enough it knows its training patients better than others, and far better than coins", async () => {
    const set = { "training.rounds": 60, "evaluation.every": "60 rounds" };
    const { exact } = await simulateOpenly(optionsOf({ set }), "pooled");
    expect(exact.held.auc).toBeGreaterThan(0.85);
    expect(exact.train.patients).toBe(644);
  });

  test("by each site alone: every site's patients are judged by its own model", async () => {
    const { exact } = await simulateOpenly(optionsOf({}), "local");
    expect(exact.train.patients + exact.held.patients).toBe(920);
  });
});
