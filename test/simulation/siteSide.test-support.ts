/** A site of a simulated consortium: its real ledger, checks and restore, on a real database. */

import type { RecordEvent } from "@consilium/shared/event/recordEvent";
import { Failure } from "@consilium/shared/failure/failure";
import type { CapChange } from "@consilium/shared/ledger/cap";
import { type ChargeId, LedgerBody } from "@consilium/shared/ledger/entry";
import { checkHoldsHead } from "@consilium/shared/ledger/recovery";
import { headKey, type LedgerState, type ReservedBody } from "@consilium/shared/ledger/state";
import type { CoordinatorMessage, ReplyBody, ShownLedgers, SignedHead } from "@consilium/shared/protocol/messages";
import type { Signer } from "@consilium/shared/signing/ed25519";
import { DatasetId, Digest, Signature, type SiteName } from "@consilium/shared/units/identity";
import { type Database, openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { type Accepted, Restore } from "../../site-agent/src/ledger/restore.ts";
import { sanitizingMessages, takeHeldSanitizings } from "../../site-agent/src/ledger/sanitizings.ts";
import { SiteLedger } from "../../site-agent/src/ledger/store.ts";
import { headRefusal } from "../../site-agent/src/round/announcement.ts";
import {
  capBody,
  openRaise,
  requireLowering,
  requireRaise,
  requireStanding,
} from "../../site-agent/src/steward/capDecision.ts";
import { type CoordinatorSide, coordinatorSigner } from "./coordinatorSide.test-support.ts";
import { minutesPassing } from "./minutesPassing.test-support.ts";

export interface SiteSideOptions {
  readonly path: string;
  readonly name: SiteName;
  readonly identity: Signer;
  readonly now: () => Date;
  readonly to: CoordinatorSide;
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const RESULT = Digest.parse("cd".repeat(32));
const DATASET = DatasetId.parse("clinic");

export class SiteSide {
  readonly name: SiteName;
  isConnected = false;
  readonly #options: SiteSideOptions;
  #database: Database | null = null;
  #parts: { store: LedgerStore; ledger: SiteLedger; restore: Restore } | null = null;
  #held: SignedHead | null = null;

  constructor(options: SiteSideOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get path(): string {
    return this.#options.path;
  }

  get store(): LedgerStore {
    return this.#opened().store;
  }

  /** What the site holds of the coordinator is in its ledger: the newest head witnessed. */
  async open(): Promise<void> {
    const { path, name, identity, now, to } = this.#options;
    const database = await openDatabase(path, {});
    const store = new LedgerStore(database, { writer: name, signer: identity, now });
    const ledger = new SiteLedger(store, identity);
    const restore = new Restore({
      config: { name, coordinator: { key: coordinatorSigner.publicKey } },
      ledger,
      book: { goOn: (bodies) => void store.append(bodies) },
      rounds: {
        held: () => this.#held,
        goOn: (head) => {
          this.#held = head;
        },
      },
      link: {
        send: (message, attachment) =>
          this.isConnected ? to.onMessage(name, message, attachment) : Promise.reject(new Error("no link")),
      },
      logger: SILENT,
      now: minutesPassing(),
    });
    this.#database = database;
    this.#parts = { store, ledger, restore };
    this.#held = heldOf(ledger);
  }

  close(): void {
    this.#database?.close();
  }

  async crash(between: () => void = () => undefined): Promise<void> {
    await this.#options.to.delivered();
    this.disconnect();
    this.close();
    between();
    await this.open();
  }

  copyTo(path: string): void {
    this.#database?.connection.prepare("vacuum into ?").run(path);
  }

  connect(): void {
    this.disconnect();
    const { to, name } = this.#options;
    const { ledger } = this.#opened();
    const ready = { type: "ready", own: ledger.head(), held: this.#held, ...ledger.forgone() } as const;
    this.isConnected = to.admit(name, ready);
  }

  disconnect(): void {
    this.isConnected = false;
    this.#opened().restore.forget();
  }

  head(): SignedHead {
    return this.#opened().ledger.head();
  }

  /** Everything that a site checks before it acts, and its booking; the code of the refusal, where it refuses. */
  book(shown: ShownLedgers, charged: Omit<ReservedBody, "kind" | "attempt" | "site">): string | null {
    const { head, consistency, witnessed } = shown;
    const distrust = headRefusal(head.head, consistency, this.#held?.head ?? null);
    if (distrust !== null) return distrust.code;
    const isNew = this.#held === null || headKey(this.#held.head) !== headKey(head.head);
    const { charge } = charged;
    const bodies: LedgerBody[] = [
      ...(isNew ? [{ kind: "head-witnessed", ...head } as const] : []),
      { kind: "reserved", ...charged, site: this.name, attempt: 1 },
      { kind: "acting", charge },
    ];
    this.#held = head;
    try {
      if (witnessed !== null) checkHoldsHead(this.store.state, witnessed);
      this.store.append(bodies);
      return null;
    } catch (error) {
      if (error instanceof Failure) return error.code;
      throw error;
    }
  }

  /** A steward has the data set sanitized: the code of the refusal, or null; then the coordinator may be told. */
  sanitize(charge: ChargeId, event: RecordEvent, statement: Digest): string | null {
    const body = { kind: "sanitizing" as const, charge, site: this.name, dataset: DATASET, events: [event], statement };
    return this.#decide(
      () => [body],
      () => undefined,
    );
  }

  /** As at each beginning of a link. */
  async tellSanitizings(): Promise<void> {
    for (const message of sanitizingMessages(this.#own()))
      await this.#options.to.onMessage(this.name, message, undefined);
  }

  #own() {
    const { name, identity } = this.#options;
    return { config: { name }, keys: { identity }, ledger: this.#opened().ledger };
  }

  commit(charge: ChargeId): void {
    this.store.append({ kind: "committed", charge, result: RESULT });
  }

  async onMessage(message: CoordinatorMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    const isOfLedgers =
      message.type === "ledgers-differ" || message.type === "ledger-wanted" || message.type === "ledger-told";
    if (message.type === "sanitizings-held") takeHeldSanitizings(this.#own(), message.charges, SILENT);
    if (isOfLedgers) this.#opened().restore.onMessage(message, attachment);
    return { type: "accepted" };
  }

  /** A steward changes a cap, asks for more, or settles what another asked for: the code of the refusal, or null. */
  change(change: CapChange, statement: Digest): string | null {
    const check = (state: LedgerState): void => requireLowering(state, this.name, DATASET, change);
    return this.#decide(() => [capBody(this.name, DATASET, change, statement)], check);
  }

  ask(change: CapChange, by: string, statement: Digest): string | null {
    const asked = { kind: "raise-asked", site: this.name, dataset: DATASET, change, by, reason: "more", statement };
    const check = (state: LedgerState): void => requireRaise(state, this.name, DATASET, change, 2);
    return this.#decide(() => [LedgerBody.parse(asked)], check);
  }

  settle(request: Digest, by: string, isGranted: boolean, statement: Digest): string | null {
    const { ledger } = this.#opened();
    const settled = { kind: "raise-settled", site: this.name, request, isGranted, by, reason: "said so", statement };
    return this.#decide(
      () => {
        const { change } = openRaise(ledger.state, request).asked;
        const granted = isGranted ? [capBody(this.name, DATASET, change, statement)] : [];
        return [LedgerBody.parse(settled), ...granted];
      },
      (state) => (isGranted ? requireStanding(ledger.entries(), openRaise(state, request)) : undefined),
    );
  }

  #decide(bodies: () => readonly LedgerBody[], check: (state: LedgerState) => void): string | null {
    try {
      this.#opened().ledger.append(bodies(), check, () => undefined);
      return null;
    } catch (error) {
      if (error instanceof Failure) return error.code;
      throw error;
    }
  }

  /** Whether it says that it takes part in nothing. */
  get isApart(): boolean {
    return this.#opened().restore.apart() !== null;
  }

  async accept(): Promise<Failure | Accepted> {
    try {
      const accepted = await this.#opened().restore.accept({
        by: "operator",
        reason: "the disk broke",
        isPreview: false,
      });
      this.connect();
      return accepted;
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }

  #opened(): { store: LedgerStore; ledger: SiteLedger; restore: Restore } {
    if (this.#parts === null) throw new Error("the site is not open");
    return this.#parts;
  }
}

function heldOf(store: SiteLedger): SignedHead | null {
  const entry = store.entries().findLast(({ body }) => body.kind === "head-witnessed");
  if (entry?.body.kind !== "head-witnessed") return null;
  const { head, signature } = entry.body;
  return { head, signature: Signature.parse(signature) };
}
