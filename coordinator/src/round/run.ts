import { unreachable } from "@consilium/shared/failure/failure";
import type { BlobReference, RoundKey } from "@consilium/shared/protocol/messages";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { advance, planned } from "./round.ts";
import type {
  Abandoned,
  AbandonReason,
  Committed,
  Round,
  RoundEffect,
  RoundEvent,
  RoundPlan,
  RoundRefusal,
} from "./state.ts";

/** Where a contribution's bytes are; a file is this round's to delete. */
export type ContributionSource = { readonly bytes: Uint8Array } | { readonly path: string };

/** Whatever the contributions of one round are added to. */
export interface Accumulator {
  reset(): void;
  /** Throws a `Failure` on malformed bytes; what was added so far is then of no use. */
  add(site: SiteName, source: ContributionSource): Promise<void>;
}

/** All that a round does to the world, carried out one after another. */
export interface RoundPorts {
  readonly accumulator: Accumulator;
  /** Sends to all at once, in the background: a site that can't be reached is late. */
  announce(sites: readonly SiteName[]): void;
  askAgain(site: SiteName): void;
  notice(notice: Extract<RoundEffect, { type: "notice" }>): void;
  /** The sum becomes a model, a metric or a report; its digest. */
  fold(contributors: readonly SiteName[]): Promise<Digest>;
  /** Durable when it returns; one ledger transaction. */
  commit(round: Round, result: Digest): void;
  /** Durable when it returns. */
  abandon(round: Round, reason: AbandonReason): void;
  tellClosed(round: Committed | Abandoned): void;
  /** The round stands in another state. */
  moved(round: Round): void;
  /** Calls back once after so long; the result cancels. */
  after(milliseconds: number, run: () => void): () => void;
  discard(source: ContributionSource): Promise<void>;
}

/** One attempt of one round, from its announcement to its end. Its reservations are durable before it is made. */
export class RoundRun {
  readonly done: Promise<Committed | Abandoned>;
  readonly #ports: RoundPorts;
  readonly #deadlineMs: number;
  readonly #sources = new Map<SiteName, ContributionSource>();
  #round: Round;
  #queue: RoundEffect[] = [];
  #isWorking = false;
  #isFrozen = false;
  #cancelDeadline: () => void = () => undefined;
  #finish: (round: Committed | Abandoned) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(plan: RoundPlan, deadlineMs: number, ports: RoundPorts) {
    this.#round = planned(plan);
    this.#deadlineMs = deadlineMs;
    this.#ports = ports;
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  get round(): Round {
    return this.#round;
  }

  /** Tells the cohort of a round that was just opened. */
  begin(): void {
    this.#ports.accumulator.reset();
    this.#ports.announce([...this.#round.cohort]);
    this.#apply({ type: "announced" });
  }

  /** Goes on with a round that an earlier process opened. */
  resume(): void {
    this.#apply({ type: "restarted" });
  }

  /** What the site will send. A refusal says why it needn't. */
  offer(site: SiteName, key: RoundKey, content: BlobReference): RoundRefusal | null {
    return this.#apply({ type: "contribution-offered", site, key, content });
  }

  /** The offered bytes are here, their digest checked. */
  receive(site: SiteName, key: RoundKey, digest: Digest, source: ContributionSource): RoundRefusal | null {
    // The source is there before the event, which may start to add it at once.
    const before = this.#sources.get(site);
    if (before === undefined) this.#sources.set(site, source);
    const refusal = this.#apply({ type: "contribution-received", site, key, digest });
    if (refusal !== null && before === undefined) this.#sources.delete(site);
    if (refusal !== null) void this.#ports.discard(source);
    return refusal;
  }

  failed(site: SiteName, key: RoundKey): RoundRefusal | null {
    return this.#apply({ type: "contribution-failed", site, key });
  }

  declined(site: SiteName, key: RoundKey): RoundRefusal | null {
    return this.#apply({ type: "declined", site, key });
  }

  siteLost(site: SiteName): void {
    this.#apply({ type: "site-lost", site });
  }

  siteReturned(site: SiteName): void {
    this.#apply({ type: "site-returned", site });
  }

  /** The study was stopped: the attempt ends without a result. */
  stop(): void {
    this.#apply({ type: "stopped" });
  }

  /** The process ends: nothing more is done, and the durable state tells the next one where to go on. */
  freeze(): void {
    this.#isFrozen = true;
    this.#cancelDeadline();
    this.#queue = [];
  }

  #apply(event: RoundEvent): RoundRefusal | null {
    if (this.#isFrozen) return null;
    const step = advance(this.#round, event);
    const hasMoved = step.round.state !== this.#round.state;
    this.#round = step.round;
    if (hasMoved) this.#ports.moved(step.round);
    let refusal: RoundRefusal | null = null;
    for (const effect of step.effects) {
      if (effect.type === "refuse") refusal = effect.code;
      else if (effect.type !== "accept") this.#queue.push(effect);
    }
    if (!this.#isWorking) void this.#work();
    return refusal;
  }

  /** Strictly one after another, so that a fold finds every add before it done. */
  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
      for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
        await this.#perform(effect);
      }
      this.#isWorking = false;
    } catch (error) {
      this.freeze();
      this.#fail(error);
    }
  }

  async #perform(effect: RoundEffect): Promise<void> {
    const ports = this.#ports;
    switch (effect.type) {
      case "announce":
        ports.accumulator.reset();
        return ports.announce(effect.sites);
      case "arm-deadline":
        this.#cancelDeadline();
        this.#cancelDeadline = ports.after(this.#deadlineMs, () => this.#apply({ type: "deadline-passed" }));
        return;
      case "add":
        return this.#add(effect.site);
      case "ask-again":
        return ports.askAgain(effect.site);
      case "notice":
        return ports.notice(effect);
      case "fold": {
        this.#cancelDeadline();
        const result = await ports.fold(effect.contributors);
        this.#apply({ type: "aggregated", result });
        return;
      }
      case "commit":
        ports.commit(this.#round, effect.result);
        this.#apply({ type: "committed" });
        return;
      case "abandon":
        this.#cancelDeadline();
        return ports.abandon(this.#round, effect.reason);
      case "tell-closed":
        return this.#tellClosed();
      case "accept":
      case "refuse":
        return;
      default:
        return unreachable(effect);
    }
  }

  #tellClosed(): void {
    const round = this.#round;
    if (round.state !== "committed" && round.state !== "abandoned") return;
    this.#ports.tellClosed(round);
    this.#finish(round);
  }

  /** A spoiled sum starts from zero, without its spoiler; whatever was queued on it is void. */
  async #add(site: SiteName): Promise<void> {
    const source = this.#sources.get(site);
    if (source === undefined) return;
    this.#sources.delete(site);
    try {
      await this.#ports.accumulator.add(site, source);
    } catch {
      this.#queue = [];
      for (const waiting of this.#sources.values()) await this.#ports.discard(waiting);
      this.#sources.clear();
      this.#ports.accumulator.reset();
      this.#apply({ type: "spoiled", site });
    } finally {
      await this.#ports.discard(source);
    }
  }
}
