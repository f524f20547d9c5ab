/** The ledger against a slow, obvious model: lists of charges, re-accounted from nothing at each question. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { Failure } from "@consilium/shared/failure/failure";
import { ChargeId, LedgerBody, Part } from "@consilium/shared/ledger/entry";
import { spendingOf } from "@consilium/shared/ledger/spent";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { DatasetId, PartyName, SiteName } from "@consilium/shared/units/identity";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openDatabase } from "./database.ts";
import { LedgerStore } from "./ledgerStore.ts";

// In memory where that can be: this test is about rules, and thousands of fsyncs on a disk take minutes.
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "consilium-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

const signer = signerOf(new Uint8Array(32).fill(3));
const options = { writer: PartyName.parse("coordinator"), signer, now: () => new Date(0) };
const sites = ["basel", "geneva"] as const;
const studies = ["heart", "lung", "skin"] as const;
const DELTA = 1e-5;
const PER_STUDY = 2;
const CAP = 3;

const events = [
  { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 0.2, noiseMultiplier: 2.2, count: 8 },
  { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, noiseMultiplier: 5, count: 1 },
  { kind: "discrete-laplace", adjacency: "add-remove", sensitivity: 1, scale: 2.5, count: 2 },
].map((event) => PrivacyEvent.parse(event));

const name = fc.integer({ min: 0, max: 30 });
const command = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("reserve" as const),
      charge: name,
      site: fc.constantFrom(...sites),
      study: fc.constantFrom(...studies),
      part: fc.constantFrom(...Part.options),
      event: fc.nat(events.length - 1),
    }),
  },
  { weight: 10, arbitrary: fc.record({ type: fc.constant("act" as const), charge: name }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("commit" as const), charge: name }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("cancel" as const), charge: name }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("crash" as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

interface ModelCharge {
  readonly site: string;
  readonly study: string;
  readonly part: Part;
  readonly event: PrivacyEvent;
  state: "reserved" | "acting" | "committed" | "cancelled";
}

class Model {
  readonly charges = new Map<number, ModelCharge>();

  epsilon(site: string, part: Part, also: readonly PrivacyEvent[], held: boolean, study?: string): number {
    const counted = [...this.charges.values()].filter(
      (charge) =>
        charge.site === site &&
        charge.part === part &&
        (study === undefined || charge.study === study) &&
        charge.state !== "cancelled" &&
        (held || charge.state !== "reserved"),
    );
    return epsilonOfEvents([...counted.map((charge) => charge.event), ...also], DELTA);
  }

  /** Does what the ledger should do; the code of the refusal where it should refuse. */
  run(step: Exclude<Command, { type: "crash" }>): string | null {
    const known = this.charges.get(step.charge);
    if (step.type === "reserve") {
      if (known !== undefined) return "ledger/charge-state";
      const event = events[step.event];
      if (event === undefined) throw new Error("no such event");
      const { site, study, part } = step;
      if (this.epsilon(site, part, [event], true) > CAP) return "ledger/budget-exceeded";
      if (this.epsilon(site, part, [event], true, study) > PER_STUDY) return "ledger/budget-exceeded";
      this.charges.set(step.charge, { site, study, part, event, state: "reserved" });
      return null;
    }
    const [from, to] = (
      { act: ["reserved", "acting"], commit: ["acting", "committed"], cancel: ["reserved", "cancelled"] } as const
    )[step.type];
    if (known?.state !== from) return "ledger/charge-state";
    known.state = to;
    return null;
  }
}

function bodyOf(step: Exclude<Command, { type: "crash" }>): LedgerBody {
  const charge = `c${step.charge}`;
  switch (step.type) {
    case "reserve": {
      const { site, study, part, event } = step;
      return LedgerBody.parse({
        kind: "reserved",
        charge,
        site,
        dataset: "clinic",
        part,
        study,
        round: 1,
        attempt: 1,
        event: events[event],
      });
    }
    case "act":
      return LedgerBody.parse({ kind: "acting", charge });
    case "commit":
      return LedgerBody.parse({ kind: "committed", charge, result: "1".repeat(64) });
    case "cancel":
      return LedgerBody.parse({ kind: "cancelled", charge, reason: "nobody came" });
  }
}

function refusalOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

function compare(store: LedgerStore, model: Model): void {
  for (const [id, { state }] of model.charges)
    expect(store.state.charges.get(ChargeId.parse(`c${id}`))?.state).toBe(state);
  expect(store.state.charges.size).toBe(model.charges.size);
  for (const site of sites) {
    const spending = spendingOf(store.state, SiteName.parse(site), DatasetId.parse("clinic"));
    const over = (held: boolean): number =>
      Math.max(...Part.options.map((part) => model.epsilon(site, part, [], held)));
    expect(spending?.epsilon).toBeCloseTo(over(false), 10);
    expect(spending?.reservedEpsilon).toBeCloseTo(over(true), 10);
    expect(spending?.reservedEpsilon).toBeLessThanOrEqual(CAP);
    expect(spending?.epsilon).toBeLessThanOrEqual(spending?.reservedEpsilon ?? Number.NaN);
    for (const study of spending?.studies ?? []) expect(study.reservedEpsilon).toBeLessThanOrEqual(PER_STUDY);
  }
}

describe("[LED8] any interleaving of studies, crashes and retries: never overspent, never a charge lost", () => {
  let runs = 0;

  async function check(commands: readonly Command[]): Promise<void> {
    const path = join(folder, `${runs++}.db`);
    let database = await openDatabase(path, {});
    let store = new LedgerStore(database, options);
    const model = new Model();
    store.append(
      sites.map((site) =>
        LedgerBody.parse({
          kind: "cap-set",
          site,
          dataset: "clinic",
          epsilon: CAP,
          delta: DELTA,
          perStudy: PER_STUDY,
          statement: "0".repeat(64),
        }),
      ),
    );
    for (const [index, step] of commands.entries()) {
      if (step.type !== "crash") {
        expect(refusalOf(() => store.append(bodyOf(step)))).toBe(model.run(step));
        if (index % 10 === 0) compare(store, model);
        continue;
      }
      // Whatever an open transaction held is gone, with the process; what was appended before is not.
      const next = commands[index + 1];
      refusalOf(() =>
        store.transaction(() => {
          if (next !== undefined && next.type !== "crash") store.append(bodyOf(next));
          throw new Failure({ code: "test/crash", kind: "fault", what: "killed", remedy: "start again" });
        }),
      );
      database.close();
      database = await openDatabase(path, {});
      store = new LedgerStore(database, options);
      compare(store, model);
    }
    compare(store, model);
    expect(await store.verify()).toBe(store.head().sequence);
    database.close();
  }

  test("10,000 commands", async () => {
    const commands = fc.array(command, { minLength: 125, maxLength: 125, size: "max" });
    await fc.assert(fc.asyncProperty(commands, check), { numRuns: 80, endOnFailure: true });
  }, 120_000);
});
