/** The coordinator of a simulated consortium: its real ledger, book and restores, on a real database. */

import { Failure } from "@consilium/shared/failure/failure";
import { ChargeId, type LedgerBody, type Part } from "@consilium/shared/ledger/entry";
import type { CapSet, LedgerState, PeriodCapSet, ReservedBody, StudyCapSet } from "@consilium/shared/ledger/state";
import type { CoordinatorMessage, ReplyBody, SignedHead, SiteMessage } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import type { SignedRoster } from "@consilium/shared/protocol/roster";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { COORDINATOR, Digest, type SiteName } from "@consilium/shared/units/identity";
import { type Database, openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { admissionRefusal } from "../../coordinator/src/ledger/admission.ts";
import { ledgerBook } from "../../coordinator/src/ledger/ledgerBook.ts";
import { Restores } from "../../coordinator/src/ledger/restores.ts";
import { heldSanitizings, takeSanitizings } from "../../coordinator/src/ledger/sanitizings.ts";
import type { LedgerBook } from "../../coordinator/src/study/world.ts";
import { minutesPassing } from "./minutesPassing.test-support.ts";
import type { SiteSide } from "./siteSide.test-support.ts";

export interface CoordinatorSideOptions {
  readonly path: string;
  readonly roster: SignedRoster;
  readonly now: () => Date;
  readonly sites: () => readonly SiteSide[];
}

type Charged = Omit<ReservedBody, "kind" | "attempt">;

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const coordinatorSigner = signerOf(new Uint8Array(32).fill(1));

const RESULT = Digest.parse("ab".repeat(32));

export class CoordinatorSide {
  readonly #options: CoordinatorSideOptions;
  #database: Database | null = null;
  #parts: { store: LedgerStore; book: LedgerBook; restores: Restores } | null = null;
  #delivering: Promise<unknown>[] = [];

  constructor(options: CoordinatorSideOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  get store(): LedgerStore {
    return this.#opened().store;
  }

  get book(): LedgerBook {
    return this.#opened().book;
  }

  async open(): Promise<void> {
    const { path, now, roster } = this.#options;
    const database = await openDatabase(path, {});
    const store = new LedgerStore(database, { writer: COORDINATOR, signer: coordinatorSigner, now });
    const book = ledgerBook(store, coordinatorSigner, now);
    const restores = new Restores({
      ledger: book,
      logger: SILENT,
      roster: () => roster,
      send: (site, message, attachment) => this.#send(site, message, attachment),
      onJoined: () => undefined,
      now: minutesPassing(),
    });
    this.#database = database;
    this.#parts = { store, book, restores };
  }

  close(): void {
    this.#database?.close();
  }

  /** What no transaction had ended is gone, all links too; `between` may put another file in the database's place. */
  async crash(between: () => void = () => undefined): Promise<void> {
    await this.delivered();
    const sites = this.#options.sites();
    for (const site of sites) site.disconnect();
    this.close();
    between();
    await this.open();
  }

  copyTo(path: string): void {
    this.#database?.connection.prepare("vacuum into ?").run(path);
  }

  admit(site: SiteName, ready: Ready): boolean {
    const { restores } = this.#opened();
    const { roster } = this.#options;
    const refusal = admissionRefusal({ signer: coordinatorSigner, roster: () => roster }, restores, site, ready);
    const held = heldSanitizings({ ledger: this.book }, site);
    if (refusal === null && held !== null)
      queueMicrotask(() => void this.#send(site, held, undefined).catch(() => null));
    if (refusal === null && restores.isApart(site)) queueMicrotask(() => restores.begin(site));
    return refusal === null;
  }

  isApart(site: SiteName): boolean {
    return this.#opened().restores.isApart(site);
  }

  /** A charge's name that no ledger here knows, however the counting of attempts was set back. */
  freshCharge(study: string, round: number, site: SiteName, part: Part): ChargeId {
    for (let attempt = 1; ; attempt++) {
      const id = ChargeId.parse(`${study}/train-${round}.${attempt}/${site}/${part}`);
      if (!this.store.state.charges.has(id)) return id;
    }
  }

  /** Reserved and acting in one transaction; false where a cap says no, or something is lost. */
  announce(charged: Charged): boolean {
    if (this.book.lost().size > 0) return false;
    try {
      const { charge } = charged;
      this.store.append([
        { kind: "reserved", ...charged, attempt: 1 },
        { kind: "acting", charge },
      ]);
      return true;
    } catch (error) {
      if (error instanceof Failure && ["ledger/budget-exceeded", "ledger/not-sanitized"].includes(error.code))
        return false;
      throw error;
    }
  }

  /** The caps that stand at a site, as its approvals tell them: entries for those that differ. */
  learn(site: SiteName, told: LedgerState, statement: Digest): void {
    const known = this.store.state;
    const here = (cap: CapSet | StudyCapSet | PeriodCapSet): boolean => cap.site === site;
    const isOther =
      (of: (state: LedgerState) => ReadonlyMap<string, { readonly epsilon: number | null }>) =>
      (on: string): boolean =>
        of(known).get(on)?.epsilon !== of(told).get(on)?.epsilon;
    const cap = [...told.caps.values()].find(here);
    const before = [...known.caps.values()].find(here);
    const isSame = before?.epsilon === cap?.epsilon && before?.perStudy === cap?.perStudy;
    const changed = <Cap extends StudyCapSet | PeriodCapSet>(
      of: (state: LedgerState) => ReadonlyMap<string, Cap>,
    ): Cap[] =>
      [...new Map([...of(known), ...of(told)]).entries()]
        .filter(([on, each]) => here(each) && isOther(of)(on))
        .map(([on, each]) => ({ ...each, epsilon: of(told).get(on)?.epsilon ?? null, statement }));
    this.store.append([
      ...(cap === undefined || isSame ? [] : [{ ...cap, statement }]),
      ...changed((state) => state.studyCaps),
      ...changed((state) => state.periodCaps),
    ]);
  }

  commit(site: SiteName, charge: ChargeId, { head, signature }: SignedHead): void {
    const bodies: LedgerBody[] = [{ kind: "committed", charge, result: RESULT }];
    if (head.sequence > (this.book.witnessed(site)?.sequence ?? -1))
      bodies.push({ kind: "head-witnessed", head, signature });
    this.store.append(bodies);
  }

  declined(site: SiteName, code: string): void {
    if (code === "ledger/behind" || code === "ledger/forked") this.#opened().restores.siteForked(site);
  }

  accept(): Failure | null {
    try {
      this.#opened().restores.accept("lead", "the disk broke");
      return null;
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }

  /** A site's message about ledgers. */
  async onMessage(site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    const { restores } = this.#opened();
    const roster = () => this.#options.roster;
    if (message.type === "sanitizings-told") takeSanitizings({ ledger: this.book, roster }, site, message);
    if (message.type === "ledger-wanted") restores.wanted(site);
    else if (message.type === "ledger-told") restores.told(site, message, attachment);
    return { type: "accepted" };
  }

  /** Nothing is under way. */
  async delivered(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#delivering.length > 0) {
      await Promise.allSettled(this.#delivering.splice(0));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #send(name: SiteName, message: CoordinatorMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    const site = this.#options.sites().find((each) => each.name === name);
    const sent =
      site?.isConnected === true
        ? site.onMessage(message, attachment)
        : Promise.reject(new Failure({ code: "link/lost", kind: "unreachable", what: "gone", remedy: "none" }));
    this.#delivering.push(sent.catch(() => undefined));
    return sent;
  }

  #opened(): { store: LedgerStore; book: LedgerBook; restores: Restores } {
    if (this.#parts === null) throw new Error("the coordinator is not open");
    return this.#parts;
  }
}
