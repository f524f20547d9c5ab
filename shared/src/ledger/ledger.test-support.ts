/** Ledgers for tests: one writer with a fixed key, bodies of one site, entries without a database. */
import { PrivacyEvent } from "../event/event.ts";
import { type Signer, signerOf } from "../signing/ed25519.ts";
import { PartyName } from "../units/identity.ts";
import { nextEntry } from "./chain.ts";
import { LedgerBody, type LedgerEntry } from "./entry.ts";
import { apply } from "./replay.ts";
import { emptyState, type LedgerState } from "./state.ts";

export const writer = PartyName.parse("coordinator");
export const signer: Signer = signerOf(new Uint8Array(32).fill(5));
export const someDigest = "ab".repeat(32);

export function gaussianEvent(samplingRate: number, noiseMultiplier: number, count = 1): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier,
    count,
  });
}

export function histogramEvent(epsilon: number, count = 1): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "discrete-laplace",
    adjacency: "add-remove",
    sensitivity: 1,
    scale: 1 / epsilon,
    count,
  });
}

export function cap(epsilon: number, perStudy?: number): LedgerBody {
  return LedgerBody.parse({
    kind: "cap-set",
    site: "basel",
    dataset: "clinic",
    epsilon,
    delta: 1e-5,
    perStudy,
    statement: someDigest,
  });
}

export function reserved(charge: string, event: PrivacyEvent, study = "heart", part = "train"): LedgerBody {
  return LedgerBody.parse({
    kind: "reserved",
    charge,
    site: "basel",
    dataset: "clinic",
    part,
    study,
    round: 1,
    attempt: 1,
    event,
  });
}
export const acting = (charge: string): LedgerBody => LedgerBody.parse({ kind: "acting", charge });
export const committed = (charge: string): LedgerBody =>
  LedgerBody.parse({ kind: "committed", charge, result: someDigest });
export const cancelled = (charge: string): LedgerBody =>
  LedgerBody.parse({ kind: "cancelled", charge, reason: "nobody came" });

/** A ledger that grows as bodies are applied to it. */
export class TestLedger {
  readonly state: LedgerState = emptyState(writer);
  readonly entries: LedgerEntry[] = [];

  constructor(...bodies: readonly LedgerBody[]) {
    this.append(...bodies);
  }

  append(...bodies: readonly LedgerBody[]): this {
    return this.appendAt("2026-01-02T03:04:05.678Z", ...bodies);
  }

  appendAt(at: string, ...bodies: readonly LedgerBody[]): this {
    for (const body of bodies) {
      const entry = nextEntry(this.state.tip, at, body, signer);
      apply(this.state, entry);
      this.entries.push(entry);
    }
    return this;
  }
}
