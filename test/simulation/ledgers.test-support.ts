/**
 * A coordinator and its sites with their real ledgers on real databases, in a world that loses messages, crashes either
 * side, puts older copies of a database back and sets clocks as it likes. Beside it stands an oracle that forgets
 * nothing: what each site truly did to its patients.
 */
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { type LedgerEvent, RecordEvent } from "@consilium/shared/event/recordEvent";
import { Failure } from "@consilium/shared/failure/failure";
import { disagreements } from "@consilium/shared/ledger/agreement";
import { ChargeId, LedgerBody, Part } from "@consilium/shared/ledger/entry";
import { holdsHead, isSpent } from "@consilium/shared/ledger/recovery";
import { reaccount } from "@consilium/shared/ledger/spent";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import type { LedgerStore } from "@consilium/storage/ledgerStore";
import { seeded } from "../../site-agent/src/round/simulation.test-support.ts";
import { CoordinatorSide, coordinatorSigner } from "./coordinatorSide.test-support.ts";
import { noticesOf } from "./noticeOracle.test-support.ts";
import { type Deed, truthOf } from "./oracle.test-support.ts";
import { CAPS, DATASET, DELTA, SiteCaps, STUDIES } from "./siteCaps.test-support.ts";
import { SiteSide } from "./siteSide.test-support.ts";

const NAMES = ["basel", "geneva"].map((name) => SiteName.parse(name));
const DAY_MS = 86_400_000;
/** Copies of one database that are kept to be put back. */
const COPIES = 3;

const EVENTS = [
  { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 0.2, noiseMultiplier: 2.2, count: 8 },
  { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, noiseMultiplier: 12, count: 1 },
  { kind: "discrete-laplace", adjacency: "add-remove", sensitivity: 1, scale: 12, count: 2 },
].map((event) => PrivacyEvent.parse(event));

/** A step on sanitized records. */
const FREE = PrivacyEvent.parse({ kind: "post-processing", adjacency: "add-remove", count: 1 });

/** What sanitizers do to each patient of a site. */
const RECORD_EVENTS = [
  { kind: "record-gaussian", adjacency: "replace", noiseMultiplier: 9, count: 2 },
  { kind: "randomised-response", adjacency: "replace", values: 3, odds: 1.4, count: 1 },
].map((event) => RecordEvent.parse(event));

const identityOf = (index: number) => signerOf(new Uint8Array(32).fill(index + 10));

/** How often each thing happened: a run in which nothing did proves nothing. */
export type Tally = Record<string, number>;

/**
 * Runs so many commands from one seed; what went against a promise, in words, and how often each thing happened. A
 * command is one thing that one side does or suffers: an announcement, a booking, a commit, a crash, a link that ends.
 */
export async function simulate(
  folder: string,
  seed: number,
  commands: number,
  hasStewards = true,
): Promise<[string[], Tally]> {
  const world = await LedgerWorld.open(folder, seed, hasStewards);
  while (world.commands < commands && world.violations.length === 0) await world.step();
  if (world.violations.length === 0) await world.settle();
  world.close();
  return [world.violations, world.tally];
}

class LedgerWorld {
  commands = 0;
  readonly violations: string[] = [];
  readonly tally: Tally = {};
  readonly #folder: string;
  readonly #random: () => number;
  readonly #coordinator: CoordinatorSide;
  readonly #sites: readonly SiteSide[];
  readonly #deeds = new Map<SiteName, Deed[]>(NAMES.map((name) => [name, []]));
  /** Who was put back from an older copy and may lack something that this site did. */
  readonly #restored = new Map<SiteName, "coordinator" | "site">();
  readonly #copies = new Map<string, string[]>();
  readonly #caps: ReadonlyMap<SiteName, SiteCaps>;
  readonly #hasStewards: boolean;
  /** Stewards draw from a source of their own: without them a seed is the world that it was before there were any. */
  readonly #stewardRandom: () => number;
  #time = Date.UTC(2026, 0, 1);
  #steps = 0;
  #files = 0;
  #sanitized = 0;

  private constructor(folder: string, seed: number, hasStewards: boolean) {
    this.#folder = folder;
    this.#hasStewards = hasStewards;
    this.#stewardRandom = seeded(seed + 2 ** 31);
    this.#random = seeded(seed);
    const now = (): Date => new Date(this.#time);
    const roster = NAMES.reduce((known, site, index) => {
      const { publicKey } = identityOf(index);
      return withSite(known, { site, identityKey: publicKey, stewardKey: publicKey, state: "active" });
    }, EMPTY_ROSTER);
    const signed = signRoster(roster, coordinatorSigner);
    this.#coordinator = new CoordinatorSide({
      path: join(folder, "c.db"),
      roster: signed,
      now,
      sites: () => this.#sites,
    });
    this.#sites = NAMES.map(
      (name, index) =>
        new SiteSide({
          path: join(folder, `${name}.db`),
          name,
          identity: identityOf(index),
          now,
          to: this.#coordinator,
        }),
    );
    this.#caps = new Map(
      this.#sites.map((site) => {
        const to = { site, coordinator: this.#coordinator, now, random: this.#stewardRandom };
        const hold = (holds: boolean, violation: string): void => this.#hold(holds, violation);
        return [site.name, new SiteCaps({ ...to, hold, count: (what) => this.#count(what) })];
      }),
    );
  }

  static async open(folder: string, seed: number, hasStewards: boolean): Promise<LedgerWorld> {
    const world = new LedgerWorld(folder, seed, hasStewards);
    await world.#coordinator.open();
    for (const site of world.#sites) {
      await site.open();
      const cap = {
        kind: "cap-set",
        site: site.name,
        dataset: DATASET,
        epsilon: CAPS.epsilon,
        delta: DELTA,
        perStudy: CAPS.perStudy,
      };
      const body = LedgerBody.parse({ ...cap, statement: "0".repeat(64) });
      site.store.append(body);
      world.#coordinator.store.append(body);
      site.connect();
    }
    return world;
  }

  async step(): Promise<void> {
    const at = this.#random() * 100;
    if (at < 66) await this.#round();
    else if (at < 72) this.#setClock();
    else if (at < 78) this.#reconnect();
    else if (at < 86) await this.#accept();
    else if (at < 91) this.#copy();
    else if (at < 94) await this.#crash();
    else await this.#restore();
    if (this.#hasStewards && this.#stewardRandom() < 0.08) await this.#sanitize();
    if (this.#hasStewards && this.#stewardRandom() < 0.06) await this.#trainForNothing();
    if (this.#hasStewards && this.#stewardRandom() < 0.15)
      this.#capsOf(this.#one(this.#sites, this.#stewardRandom).name).decide();
    await this.#connected();
    this.#steps += 1;
    this.#check((at >= 78 && at < 86) || at >= 94 || this.#steps % 50 === 0);
  }

  /** All links up, both operators do what they are told to: everything joins, and a small charge can still be made. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < 6; tries++) {
      for (const site of this.#sites) site.connect();
      await this.#connected();
      this.#tried("accepted here", this.#coordinator.accept());
      await this.#coordinator.delivered();
      for (const site of this.#sites)
        this.#hold(!this.#joined(site.name) || !site.isApart, `${site.name} was not told that the ledgers join again`);
      for (const site of this.#sites) await this.#acceptAt(site);
    }
    for (const site of this.#sites) site.connect();
    await this.#connected();
    this.#check(true);
    for (const { name } of this.#sites)
      this.#hold(this.#joined(name), `${name}'s ledger and the coordinator's never joined`);
    const before = this.#coordinator.store.head().sequence;
    await this.#round();
    this.#check(true);
    this.#hold(this.#coordinator.store.head().sequence >= before, "the ledger went back");
    for (const { store } of [this.#coordinator, ...this.#sites]) this.#checkNotices(store);
  }

  /** Each level of each cap is noticed once, in every ledger, whatever was restarted, put back or changed. */
  #checkNotices(store: LedgerStore): void {
    const { notices, tip } = store.state;
    const found = notices.map(({ entry, site, study, period, level }) => {
      return `${entry} ${site} ${study ?? period ?? "data set"} ${level}`;
    });
    const must = noticesOf(store.entries(), DELTA);
    const isSame = found.length === must.length && must.every((notice) => found.includes(notice));
    this.#hold(isSame, `${tip.writer} noticed ${found.join("; ")}, where ${must.join("; ")} was due`);
    this.tally.noticed = (this.tally.noticed ?? 0) + found.length;
  }

  close(): void {
    this.#coordinator.close();
    for (const site of this.#sites) site.close();
  }

  /** One attempt of a round: reserved and acting here, told, booked there, done, and told back; each may be lost. */
  async #round(): Promise<void> {
    for (const site of this.#sites) if (!site.isConnected && this.#random() < 0.5) site.connect();
    await this.#connected();
    const study = this.#one(STUDIES);
    const part = this.#one(Part.options);
    const event = this.#one(EVENTS);
    const cohort = this.#sites.filter((site) => this.#joined(site.name) && site.isConnected && this.#random() < 0.9);
    // Rounds are counted by what the coordinator's database knows: a restored one counts anew.
    const round = this.#coordinator.store.state.charges.size + 1;
    const charges = cohort.map((site) => ({
      site,
      charge: this.#coordinator.freshCharge(study, round, site.name, part),
    }));
    const booked = charges.filter(({ site, charge }) =>
      this.#coordinator.announce({ site: site.name, dataset: DATASET, charge, study, part, event, round }),
    );
    this.#count("announced", booked.length);
    this.#count("refused", charges.length - booked.length);
    for (const { site, charge } of booked) {
      const shown = this.#coordinator.book.shownTo(site.name);
      if (this.#random() < 0.1) {
        // The link broke on the way: what was shown then is shown again when it is back.
        site.disconnect();
        this.#count("lost");
        continue;
      }
      const refusal = site.book(shown, { charge, dataset: DATASET, study, part, event, round });
      if (refusal !== null) {
        this.#count(`declined ${refusal}`);
        this.#coordinator.declined(site.name, refusal);
        continue;
      }
      const deed: Deed = { charge, study, part, event, isSeen: false };
      this.#did(site.name, deed);
      if (this.#random() < 0.1) continue;
      site.commit(charge);
      this.#coordinator.commit(site.name, charge, site.head());
      this.#count("committed", 2);
      for (const each of this.#deeds.get(site.name) ?? []) each.isSeen ||= isCounted(site.store.state, site.name, each);
    }
    await this.#coordinator.delivered();
  }

  /** One site's data set is noised, whether a link is there or not; the coordinator is told at once, or later. */
  async #sanitize(): Promise<void> {
    const site = this.#one(this.#sites, this.#stewardRandom);
    const event = this.#one(RECORD_EVENTS, this.#stewardRandom);
    const charge = ChargeId.parse(`sanitize/${site.name}/${this.#sanitized++}`);
    const statement = Digest.parse(this.#sanitized.toString(16).padStart(64, "f"));
    const refusal = site.sanitize(charge, event, statement);
    this.#count(refusal === null ? "sanitized" : `not sanitized: ${refusal}`);
    if (refusal !== null) return;
    this.#did(site.name, { charge, study: null, part: null, event, isSeen: false });
    if (site.isConnected && this.#stewardRandom() < 0.7) await this.#tellSanitizings(site);
    if (this.#stewardRandom() < 0.7) site.commit(charge);
  }

  /** A step on what a sanitizer made at a site, as its approval names it; or, now and then, on what none made. */
  async #trainForNothing(): Promise<void> {
    const site = this.#one(this.#sites, this.#stewardRandom);
    if (!site.isConnected || !this.#joined(site.name)) return;
    await this.#tellSanitizings(site);
    const made = [...site.store.state.sanitizings.keys()];
    const isMade = made.length > 0 && this.#stewardRandom() < 0.8;
    const sanitized = isMade ? this.#one(made, this.#stewardRandom) : ChargeId.parse("sanitize/nobody/0");
    // A study keeps to the records that it was first charged on.
    const study = StudyName.parse(`on-${sanitized.split("/").slice(1).join("-")}`);
    const about = { site: site.name, dataset: DATASET, study };
    const digest = "0".repeat(64);
    const approval = { kind: "study-approved", ...about, studyDigest: digest, approval: digest, sanitized };
    for (const { store } of [this.#coordinator, site]) store.append(LedgerBody.parse(approval));
    const round = this.#coordinator.store.state.charges.size + 1;
    const charge = this.#coordinator.freshCharge(study, round, site.name, "train");
    const charged = { ...about, charge, part: "train", event: FREE, round } as const;
    const isKnown = this.#coordinator.store.state.sanitizings.has(sanitized);
    const isBooked = this.#coordinator.announce(charged);
    const mayBook = isKnown && this.#coordinator.book.lost().size === 0;
    this.#hold(isBooked === mayBook, `${charge} was ${isBooked ? "booked" : "refused"}, made of ${sanitized}`);
    this.#count(isBooked ? "trained for nothing" : "refused for nothing");
    if (!isBooked) return;
    const refusal = site.book(this.#coordinator.book.shownTo(site.name), charged);
    if (refusal !== null) return this.#coordinator.declined(site.name, refusal);
    this.#did(site.name, { charge, study, part: "train", event: FREE, isSeen: false });
    site.commit(charge);
    this.#coordinator.commit(site.name, charge, site.head());
    for (const deed of this.#deeds.get(site.name) ?? []) deed.isSeen ||= isCounted(site.store.state, site.name, deed);
  }

  async #tellSanitizings(site: SiteSide): Promise<void> {
    await site.tellSanitizings();
    for (const deed of this.#deeds.get(site.name) ?? [])
      deed.isSeen ||= deed.part === null && site.store.state.sanitizings.has(deed.charge);
  }

  /** As agent and coordinator do when a link begins. */
  async #connected(): Promise<void> {
    await this.#coordinator.delivered();
    for (const site of this.#sites) {
      this.#capsOf(site.name).took(this.#deeds.get(site.name) ?? []);
      if (site.isConnected) await this.#tellSanitizings(site);
    }
  }

  /** The patients' truth, whatever any ledger says later. */
  #did(site: SiteName, deed: Deed): void {
    const deeds = this.#deeds.get(site) ?? [];
    this.#hold(
      deeds.every(({ charge }) => charge !== deed.charge),
      `${deed.charge} was done twice`,
    );
    deeds.push(deed);
    this.#deeds.set(site, deeds);
    this.#count("done");
    this.#capsOf(site).did(deed, deeds);
  }

  #capsOf(site: SiteName): SiteCaps {
    const caps = this.#caps.get(site);
    if (caps === undefined) throw new Error(`nobody decides at ${site}`);
    return caps;
  }

  #setClock(): void {
    this.#time += Math.round((this.#random() - 0.5) * 4000 * DAY_MS);
    this.#count("clock set");
  }

  async #crash(): Promise<void> {
    const side = this.#one([this.#coordinator, ...this.#sites]);
    await side.crash();
    this.#count("crashed");
  }

  #copy(): void {
    const side = this.#one([this.#coordinator, ...this.#sites]);
    const to = join(this.#folder, `copy-${this.#files++}.db`);
    side.copyTo(to);
    for (const caps of this.#capsAt(side)) caps.copied(to, side instanceof SiteSide ? "site" : "coordinator");
    const copies = [...(this.#copies.get(side.path) ?? []), to];
    for (const old of copies.splice(0, Math.max(0, copies.length - COPIES))) rmSync(old);
    this.#copies.set(side.path, copies);
    this.#count("copied");
  }

  /** Not of both sides at once: what neither has any more nobody can count. */
  async #restore(): Promise<void> {
    const side = this.#one([this.#coordinator, ...this.#sites]);
    const copies = this.#copies.get(side.path) ?? [];
    const copy = copies[Math.floor(this.#random() * copies.length)];
    const touched = side instanceof SiteSide ? [side.name] : NAMES;
    const who = side instanceof SiteSide ? "site" : "coordinator";
    if (copy === undefined || touched.some((name) => (this.#restored.get(name) ?? who) !== who)) return;
    for (const name of touched) this.#restored.set(name, who);
    await side.crash(() => copyFileSync(copy, side.path));
    for (const caps of this.#capsAt(side)) caps.restored(copy, who);
    if (side instanceof SiteSide) this.#forgetUntold(side);
    this.#count(`restored ${who}`);
  }

  /** What was sanitized without a link, and never told, is in no ledger once the site's own is an older copy. */
  #forgetUntold({ name, store }: SiteSide): void {
    const isKept = ({ part, charge, isSeen }: Deed): boolean =>
      part !== null || isSeen || store.state.sanitizings.has(charge);
    this.#deeds.set(name, (this.#deeds.get(name) ?? []).filter(isKept));
  }

  #capsAt(side: CoordinatorSide | SiteSide): SiteCaps[] {
    return side instanceof SiteSide ? [this.#capsOf(side.name)] : [...this.#caps.values()];
  }

  #reconnect(): void {
    const site = this.#one(this.#sites);
    if (site.isConnected && this.#random() < 0.5) site.disconnect();
    else site.connect();
    this.#count("reconnected");
  }

  async #accept(): Promise<void> {
    const apart = this.#sites.filter(({ name }) => this.#coordinator.isApart(name));
    const site = this.#one(apart.length > 0 && this.#random() < 0.9 ? apart : this.#sites);
    if (this.#random() < 0.5) return this.#acceptAt(site);
    this.#tried("accepted here", this.#coordinator.accept());
    await this.#coordinator.delivered();
  }

  async #acceptAt(site: SiteSide): Promise<void> {
    if (!site.isConnected) return;
    const accepted = await site.accept();
    if (!(accepted instanceof Failure)) this.#capsOf(site.name).accepted(accepted, this.#deeds.get(site.name) ?? []);
    this.#tried("accepted there", accepted instanceof Failure ? accepted : null);
    await this.#coordinator.delivered();
  }

  /** All that is promised at every moment; what takes long to ask is asked now and then, and whenever ledgers moved. */
  #check(isThorough: boolean): void {
    for (const site of this.#sites) {
      this.#capsOf(site.name).check();
      const here = this.#coordinator.store.state;
      const there = site.store.state;
      const deeds = this.#deeds.get(site.name) ?? [];
      const seen = here.witnessed.get(site.name);
      // A site that was put back, and grew since, is found by its own check of what it is shown, before it acts.
      const isWhole = seen === undefined || holdsHead(there, seen);
      const isJoined = site.isConnected && this.#joined(site.name) && isWhole;
      if (isJoined && deeds.every((deed) => isCounted(there, site.name, deed))) this.#restored.delete(site.name);
      const isApart = this.#restored.has(site.name);
      for (const deed of deeds) {
        const { charge, isSeen } = deed;
        const [isHere, isThere] = [here, there].map((state) => isCounted(state, site.name, deed));
        this.#hold(isHere === true || isThere === true, `${charge} is in neither ledger`);
        if (!isJoined) continue;
        this.#hold(isHere === true, `${charge} is lost at the coordinator, though both joined`);
        // What a site did last, and lost before its head was seen, only the coordinator counts: nobody could tell it
        // from an announcement that never came.
        this.#hold(isThere === true || !isSeen, `${charge} is lost at ${site.name}, though both joined`);
      }
      if (isApart || !isJoined || !isThorough) continue;
      const wrong = disagreements(here, there, site.name);
      this.#hold(wrong.length === 0, `${site.name}: ${wrong[0]}`);
      const truth = truthOf(deeds, DELTA);
      for (const ledger of [here, there]) {
        const epsilon = reaccount(ledger, site.name, DATASET, DELTA);
        this.#hold(
          epsilon >= truth * (1 - 1e-9),
          `${ledger.tip.writer} counts ε = ${epsilon} of ${truth} at ${site.name}`,
        );
      }
    }
  }

  #joined(site: SiteName): boolean {
    return !this.#coordinator.isApart(site) && !this.#coordinator.book.lost().has(site);
  }

  #tried(what: string, failure: Failure | null): void {
    this.#count(failure === null ? what : `not ${what}: ${failure.code}`);
  }

  #hold(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation);
  }

  #count(what: string, by = 1): void {
    this.commands += by;
    this.tally[what] = (this.tally[what] ?? 0) + by;
  }

  #one<T>(of: readonly T[], random = this.#random): T {
    const chosen = of[Math.floor(random() * of.length)];
    if (chosen === undefined) throw new Error("nothing to choose from");
    return chosen;
  }
}

/** Whether a ledger counts what was done as spent: a name may stand for two things, each of them counts by itself. */
function isCounted({ charges, sanitizings }: LedgerState, site: SiteName, { charge, event }: Deed): boolean {
  const isIt = (other: LedgerEvent | undefined): boolean =>
    other !== undefined && canonicalJson(other) === canonicalJson(event);
  if (isIt(sanitizings.get(charge)?.body.events[0])) return true;
  const names = [charge, ChargeId.parse(`${charge}~${digestOfJson(event).slice(0, 16)}`)];
  return names.some((name) => {
    const known = charges.get(name);
    return isSpent(known) && known?.body.site === site && isIt(known.body.event);
  });
}
