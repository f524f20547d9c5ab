import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CapChange } from "@consilium/shared/ledger/cap";
import { replay } from "@consilium/shared/ledger/replay";
import { type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataset, SiteBench, site, World } from "../round/siteBench.test-support.ts";
import type { StewardAction } from "./statement.ts";

let bench: SiteBench;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-stewards-"));
  bench = await SiteBench.proposed(new World(folder));
});
afterEach(async () => {
  bench.close();
  await rm(folder, { recursive: true });
});

const failing = (code: string): unknown => expect.objectContaining({ code });
const koch = signerOf(new Uint8Array(32).fill(21));
const invented = signerOf(new Uint8Array(32).fill(22));
const add = (name: string, { publicKey }: Signer): StewardAction => ({ action: "add-steward", name, publicKey });
const ask = (name: string, { publicKey }: Signer): StewardAction => {
  return { action: "ask-steward", name, publicKey, reason: "on leave in May" };
};
const settle = (isGranted: boolean): StewardAction => {
  const [request] = [...bench.ledger.state.newcomers.keys()].slice(-1);
  if (request === undefined) throw new Error("somebody was asked for");
  return { action: "settle-steward", request, isGranted, reason: "we know each other" };
};
const byKoch = (action: StewardAction): void => bench.decide(action, {}, koch, "Dr. Koch");
const names = (): string[] => bench.records.stewards().map(({ name }) => name);

describe("[LED35] from the second steward on, it takes two to let another one in", () => {
  test("the first lets the second in alone, and nobody else after that", () => {
    expect(() => bench.decide(ask("Dr. Koch", koch))).toThrow(failing("steward/no-second"));
    bench.decide(add("Dr. Koch", koch));
    expect(() => bench.decide(add("Dr. Who", invented))).toThrow(failing("steward/add-takes-two"));
    expect(() => byKoch(add("Dr. Who", invented))).toThrow(failing("steward/add-takes-two"));
    expect(names()).toEqual(["Dr. Bell", "Dr. Koch"]);
  });

  test("one asks, another grants; who, why and both statements stay in the ledger", () => {
    bench.decide(add("Dr. Koch", koch));
    bench.decide(ask("Dr. Who", invented));
    expect(() => bench.decide(ask("Dr. Who", invented))).toThrow(failing("steward/asked-already"));
    expect(() => bench.decide(ask("Dr. Whom", invented))).toThrow(failing("steward/asked-already"));
    expect(() => bench.decide(settle(true))).toThrow(failing("ledger/steward-by-one"));
    expect(names()).toHaveLength(2);
    byKoch(settle(true));
    expect(names()).toEqual(["Dr. Bell", "Dr. Koch", "Dr. Who"]);
    const bodies = bench.ledger.entries().map(({ body }) => body);
    expect(bodies.slice(-3)).toMatchObject([
      { kind: "steward-asked", steward: "Dr. Who", by: "Dr. Bell", reason: "on leave in May" },
      { kind: "steward-settled", by: "Dr. Koch", isGranted: true, reason: "we know each other" },
      { kind: "steward-added", steward: "Dr. Who", by: "Dr. Koch" },
    ]);
    expect(() => byKoch(settle(true))).toThrow(failing("steward/request-unknown"));
    expect(() => byKoch(ask("Dr. Who", signerOf(new Uint8Array(32).fill(23))))).toThrow(
      failing("steward/known-already"),
    );
  });

  test("whoever waits to be let in decides nothing, least of all about that", () => {
    bench.setCap(4);
    bench.decide(add("Dr. Koch", koch));
    bench.decide(ask("Dr. Who", invented));
    expect(() => bench.decide(settle(true), {}, invented, "Dr. Who")).toThrow(failing("steward/signature-invalid"));
    const change = CapChange.parse({ of: "data-set", epsilon: 8, delta: 1e-4 });
    bench.decide({ action: "ask-raise", dataset, change, reason: "more" });
    const [request] = [...bench.ledger.state.raises.keys()];
    if (request === undefined) throw new Error("a raise was asked for");
    const grant: StewardAction = { action: "settle-raise", request, isGranted: true, reason: "yes" };
    expect(() => bench.decide(grant, {}, invented, "Dr. Who")).toThrow(failing("steward/signature-invalid"));
  });

  test("refused by the other, or taken back, nobody is let in", () => {
    bench.decide(add("Dr. Koch", koch));
    for (const decide of [byKoch, (action: StewardAction) => bench.decide(action)]) {
      bench.decide(ask("Dr. Who", invented));
      decide(settle(false));
      expect(() => byKoch(settle(true))).toThrow(failing("steward/request-unknown"));
    }
    expect(names()).toHaveLength(2);
  });

  test("no ledger in which one name asked and granted can be read", () => {
    bench.decide(add("Dr. Koch", koch));
    bench.decide(ask("Dr. Who", invented));
    byKoch(settle(true));
    const entries = bench.ledger.entries();
    expect(replay(site, entries).newcomers.size).toBe(1);
    const forged = entries.map((entry) => {
      const { body } = entry;
      return body.kind === "steward-settled" ? { ...entry, body: { ...body, by: "Dr. Bell" } } : entry;
    });
    expect(() => replay(site, forged)).toThrow(failing("ledger/steward-by-one"));
  });
});
