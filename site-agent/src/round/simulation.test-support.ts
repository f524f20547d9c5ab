/** A site's round in a world that loses, doubles and reorders messages and crashes between any two durable steps. */
import { digestOf } from "@consilium/shared/encoding/digest";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import { StudyName } from "@consilium/shared/units/identity";
import { asCharged, type ChargedContent, publicRefusal } from "../disclosure/outgoing.ts";
import {
  advance,
  type DurableAttempt,
  isLater,
  keyText,
  NO_ROUND,
  type RoundEffect,
  type RoundEvent,
  recover,
  type SiteRound,
} from "./round.ts";

export interface Outcome {
  readonly violations: string[];
  readonly trace: string[];
  computed: number;
  crashes: number;
  resent: number;
  lost: number;
  committed: number;
}

const STUDY = StudyName.parse("heart");
const ROUNDS = 4;
const STEPS_MAX = 400;
const CRASH_PROBABILITY = 0.03;

/** Mulberry32: small, fast, the same everywhere; for tests alone. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Crash extends Error {}

/** What survives a crash. */
interface Disk {
  readonly rows: Map<string, Extract<DurableAttempt, { state: "acting" | "closed" }>>;
  readonly files: Map<string, ChargedContent>;
  readonly acting: Set<string>;
  committedRound: number | null;
}

export function simulate(seed: number): Outcome {
  const outcome: Outcome = { violations: [], trace: [], computed: 0, crashes: 0, resent: 0, lost: 0, committed: 0 };
  const world = new World(seeded(seed), outcome);
  for (let step = 0; step < STEPS_MAX && !world.isOver(); step++) world.step();
  return outcome;
}

/** An end of an attempt that is not durable yet. */
interface Unwritten {
  readonly key: RoundKey;
  readonly content: ChargedContent | null;
  readonly outcome: "committed" | "abandoned" | null;
}

class World {
  private round: SiteRound = NO_ROUND;
  private readonly disk: Disk = { rows: new Map(), files: new Map(), acting: new Set(), committedRound: null };
  private inbox: RoundEvent[] = [];
  private unwritten: Unwritten[] = [];
  private key: RoundKey = { study: STUDY, purpose: "train", round: 1, attempt: 1 };
  private announced = false;
  private contributed = false;
  private readonly refused = new Set<string>();
  private readonly closed = new Set<string>();
  private readonly computations = new Map<string, number>();
  private readonly sent = new Map<string, string>();

  constructor(
    private readonly random: () => number,
    private readonly outcome: Outcome,
  ) {}

  isOver(): boolean {
    return this.key.round > ROUNDS;
  }

  step(): void {
    const at = Math.floor(this.random() * (this.inbox.length + 1));
    const event = this.inbox[at];
    if (event === undefined || this.random() < 0.2) {
      this.coordinatorActs();
      return;
    }
    if (this.random() > 0.1) this.inbox.splice(at, 1);
    if (this.random() > 0.05) this.deliver(event);
  }

  private coordinatorActs(): void {
    const { key } = this;
    if (!this.announced || this.random() < 0.1) {
      if (!this.announced && this.random() < 0.05) this.refused.add(keyText(key));
      this.announced = true;
      const refusal = publicRefusal("policy/refused", "no", "none");
      this.inbox.push({ type: "announced", key, refusal: this.refused.has(keyText(key)) ? refusal : null });
    } else if (this.random() < 0.4) {
      this.inbox.push(this.random() < 0.5 ? { type: "wanted", key } : { type: "reconnected" });
    } else if (this.contributed || this.random() < 0.15) {
      const outcome = this.contributed || this.random() < 0.3 ? "committed" : "abandoned";
      this.inbox.push({ type: "closed", key, outcome });
      const isNext = outcome === "committed";
      this.key = { ...key, round: key.round + (isNext ? 1 : 0), attempt: isNext ? 1 : key.attempt + 1 };
      this.announced = false;
      this.contributed = false;
    }
  }

  private deliver(event: RoundEvent): void {
    this.outcome.trace.push(`${event.type} ${"key" in event ? keyText(event.key) : ""}`);
    try {
      this.apply(event);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.restart();
    }
  }

  private apply(event: RoundEvent): void {
    const step = advance(this.round, event);
    this.round = step.round;
    for (const effect of step.effects) {
      this.outcome.trace.push(`  ${effect.type} ${keyText(effect.key)}`);
      this.mayCrash();
      this.perform(effect);
      this.mayCrash();
    }
    if (event.type === "closed") this.unwritten.push({ key: event.key, content: null, outcome: event.outcome });
    if (this.random() < 0.3) this.flush();
  }

  private perform(effect: RoundEffect): void {
    switch (effect.type) {
      case "start-answer-timer":
        this.inbox.push({ type: "answer-time", key: effect.key });
        return;
      case "prepare-model":
        this.inbox.push(
          this.random() < 0.95
            ? { type: "model-ready", key: effect.key }
            : { type: "model-missing", key: effect.key, refusal: publicRefusal("x", "x", "x") },
        );
        return;
      case "book":
        this.book(effect.key);
        return;
      case "compute":
        this.compute(effect.key);
        return;
      case "offer":
        this.offer(effect.key, effect.content);
        return;
      case "decline":
        if (effect.refusal.code === "round/attempt-lost") this.outcome.lost++;
        return;
      case "end":
        this.unwritten.push({ key: effect.key, content: effect.content, outcome: null });
    }
  }

  /** What `end` and `closed` ask for is written together, some time later. */
  private flush(): void {
    this.mayCrash();
    for (const { key, content, outcome } of this.unwritten) {
      const name = keyText(key);
      if (content !== null) {
        this.check(this.disk.acting.has(name), `${name} committed without acting`);
        this.outcome.committed++;
      }
      if (outcome !== null || this.disk.rows.has(name)) this.disk.rows.set(name, { state: "closed", key });
      if (outcome !== null) this.closed.add(name);
      if (outcome === "committed") this.disk.committedRound = Math.max(key.round, this.disk.committedRound ?? 0);
    }
    const ended = this.unwritten.map(({ key }) => keyText(key));
    this.unwritten = [];
    this.mayCrash();
    for (const name of ended) this.disk.files.delete(name);
  }

  private book(key: RoundKey): void {
    const name = keyText(key);
    this.check(!this.refused.has(name), `${name} booked though refused`);
    this.check(!this.disk.acting.has(name), `${name} booked twice`);
    this.check(!this.closed.has(name), `${name} booked after it was closed`);
    this.flush();
    this.disk.acting.add(name);
    this.disk.rows.set(name, { state: "acting", key });
    this.inbox.push({ type: "booked", key });
  }

  private compute(key: RoundKey): void {
    const name = keyText(key);
    const times = (this.computations.get(name) ?? 0) + 1;
    this.computations.set(name, times);
    this.outcome.computed++;
    this.check(this.disk.acting.has(name), `${name} computed before acting was durable`);
    this.check(times === 1, `${name} computed ${times} times`);
    if (this.random() < 0.05) {
      this.inbox.push({ type: "computing-failed", key });
      return;
    }
    const content = asCharged({ digest: digestOf(`${name} ${this.random()}`), bytes: 1 });
    this.mayCrash();
    this.disk.files.set(name, content);
    this.inbox.push({ type: "computed", key, content });
  }

  private offer(key: RoundKey, content: ChargedContent): void {
    const name = keyText(key);
    this.check(!this.closed.has(name), `${name} sent after it was closed`);
    this.check(this.disk.files.get(name)?.digest === content.digest, `${name} sent what isn't in its file`);
    const before = this.sent.get(name);
    if (before !== undefined) this.outcome.resent++;
    this.check(before === undefined || before === content.digest, `${name} sent with two contents`);
    this.sent.set(name, content.digest);
    if (this.random() < 0.8) {
      this.inbox.push({ type: "accepted", key });
      if (keyText(this.key) === name) this.contributed = true;
    }
  }

  /** Memory is gone, and with it every message, timer and engine reply that was under way. */
  private restart(): void {
    this.outcome.crashes++;
    this.outcome.trace.push("CRASH");
    this.inbox = this.inbox.filter((event) => event.type === "announced" || event.type === "closed");
    const rows = [...this.disk.rows.values()].sort((a, b) => (isLater(a.key, b.key) ? 1 : -1));
    const newest = rows.at(-1);
    this.unwritten = [];
    this.round = { newest: newest ? recover(this.durable(newest)) : null, committedRound: this.disk.committedRound };
  }

  private durable(row: Extract<DurableAttempt, { state: "acting" | "closed" }>): DurableAttempt {
    const content = this.disk.files.get(keyText(row.key));
    return row.state === "acting" && content !== undefined ? { state: "computed", key: row.key, content } : row;
  }

  private mayCrash(): void {
    if (this.random() < CRASH_PROBABILITY) throw new Crash();
  }

  private check(holds: boolean, violation: string): void {
    if (!holds) this.outcome.violations.push(violation);
  }
}
