import { digestOf } from "@consilium/shared/encoding/digest";
import { publicUniform } from "@consilium/shared/model/initial";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import { type Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { advance, planned } from "./round.ts";
import type { Round, RoundEffect, RoundEvent, RoundPlan } from "./state.ts";

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 2000);
/** A round that is busy for longer than this runs in circles. */
const STEPS_MAX = 20_000;
const FIRST_SEED = Number(process.env.SIMULATION_SEED ?? 1);

/** A consortium in one thread and virtual time: messages are lost, late and reordered, the coordinator crashes. */
class Simulation {
  readonly #random: () => number;
  readonly #plan: RoundPlan;
  readonly #habits = new Map<SiteName, "answers" | "silent" | "declines" | "malformed">();
  readonly #computed = new Map<SiteName, Digest>();
  #agenda: { at: number; run: () => void }[] = [];
  #now = 0;
  #crashes = 0;
  /** Null while the coordinator is down. */
  #round: Round | null;
  #life = 0;
  #sum: SiteName[] = [];
  #isWorking = false;
  #queue: RoundEffect[] = [];
  /** What survives a crash. */
  durable: { state: "announced" | "committed" | "abandoned"; commits: number; contributors: readonly SiteName[] } = {
    state: "announced",
    commits: 0,
    contributors: [],
  };

  constructor(seed: number) {
    this.#random = publicUniform(seed);
    const names = Array.from({ length: 2 + this.#below(5) }, (_, i) => SiteName.parse(`site-${i}`));
    const key: RoundKey = { study: StudyName.parse("heart"), purpose: "train", round: 1, attempt: 1 };
    const onDropout = this.#random() < 0.7 ? "continue" : "wait";
    this.#plan = { key, cohort: new Set(names), minSites: 1 + this.#below(names.length), onDropout };
    for (const name of names) {
      const draw = this.#random();
      const quiet = onDropout === "continue" ? "silent" : "declines";
      this.#habits.set(name, draw < 0.7 ? "answers" : draw < 0.85 ? quiet : draw < 0.95 ? "declines" : "malformed");
    }
    this.#round = planned(this.#plan);
  }

  run(): void {
    for (const site of this.#plan.cohort) this.#toSite(site, "announced");
    this.#apply({ type: "announced" });
    this.#untilQuiet();
  }

  check(): void {
    expect(this.durable.state).not.toBe("announced");
    expect(this.durable.commits).toBe(this.durable.state === "committed" ? 1 : 0);
    if (this.durable.state !== "committed") return;
    const { contributors } = this.durable;
    expect(new Set(contributors).size).toBe(contributors.length);
    expect(contributors.length).toBeGreaterThanOrEqual(this.#plan.minSites);
    for (const site of contributors) expect(this.#habits.get(site)).toBe("answers");
  }

  #apply(event: RoundEvent): string | null {
    if (this.#round === null) return "down";
    const step = advance(this.#round, event);
    this.#round = step.round;
    const refused = step.effects.find((effect) => effect.type === "refuse");
    this.#queue.push(...step.effects);
    this.#work();
    return refused?.type === "refuse" ? refused.code : null;
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    const life = this.#life;
    for (let effect = this.#queue.shift(); effect !== undefined && this.#life === life; effect = this.#queue.shift()) {
      if (this.#random() < 0.02 && this.#crashes < 6) this.#crash();
      else this.#perform(effect, life);
      if (this.#random() < 0.01 && this.#crashes < 6) this.#crash();
    }
    if (this.#life === life) this.#isWorking = false;
  }

  #perform(effect: RoundEffect, life: number): void {
    switch (effect.type) {
      case "announce":
        this.#sum = [];
        for (const site of effect.sites) this.#toSite(site, "announced");
        return;
      case "arm-deadline":
        this.#later(100, () => this.#life === life && this.#apply({ type: "deadline-passed" }));
        return;
      case "ask-again":
        this.#toSite(effect.site, "wanted");
        return;
      case "add":
        if (this.#habits.get(effect.site) === "malformed") {
          this.#queue = [];
          this.#sum = [];
          this.#apply({ type: "spoiled", site: effect.site });
        } else this.#sum.push(effect.site);
        return;
      case "fold":
        expect([...this.#sum].sort()).toEqual([...effect.contributors].sort());
        this.#apply({ type: "aggregated", result: digestOf(this.#sum.join()) });
        return;
      case "commit":
        this.durable = { state: "committed", commits: this.durable.commits + 1, contributors: [...this.#sum] };
        this.#apply({ type: "committed" });
        return;
      case "abandon":
        this.durable = { ...this.durable, state: "abandoned" };
        return;
      default:
        return;
    }
  }

  #crash(): void {
    this.#crashes += 1;
    this.#life += 1;
    this.#round = null;
    this.#queue = [];
    this.#sum = [];
    this.#isWorking = false;
    this.#later(5 + this.#below(50), () => {
      // Only the durable row tells where to go on; an ended round is not run again.
      if (this.durable.state !== "announced") return;
      this.#round = planned(this.#plan);
      this.#apply({ type: "restarted" });
    });
  }

  /** A message to a site; one in ten is lost, and any two may arrive in either order. */
  #toSite(site: SiteName, message: "announced" | "wanted"): void {
    if (this.#random() < 0.1) return;
    this.#later(1 + this.#below(20), () => this.#siteHears(site, message));
  }

  #siteHears(site: SiteName, message: "announced" | "wanted"): void {
    const habit = this.#habits.get(site);
    const { key } = this.#plan;
    if (habit === "silent") return;
    if (habit === "declines") {
      this.#fromSite(site, () => this.#apply({ type: "declined", site, key }));
      return;
    }
    if (message === "wanted" && !this.#computed.has(site)) return;
    // Computed once, then byte-identical.
    const digest = this.#computed.get(site) ?? digestOf(`${site} ${this.#random()}`);
    this.#computed.set(site, digest);
    this.#fromSite(site, () => {
      const refused = this.#apply({ type: "contribution-offered", site, key, content: { digest, bytes: 1 } });
      expect(refused).not.toBe("round/not-identical");
      if (refused === null)
        this.#fromSite(site, () => this.#apply({ type: "contribution-received", site, key, digest }));
    });
  }

  #fromSite(site: SiteName, run: () => unknown): void {
    if (this.#random() < 0.1) {
      // The link broke; the site is back soon and is asked again.
      this.#apply({ type: "site-lost", site });
      this.#later(10, () => this.#apply({ type: "site-returned", site }));
      return;
    }
    this.#later(1 + this.#below(20), run);
    if (this.#random() < 0.05) this.#later(1 + this.#below(60), run);
  }

  #later(delay: number, run: () => unknown): void {
    this.#agenda.push({ at: this.#now + delay, run: () => void run() });
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** Whatever was lost, the link that lost it breaks in the end, and comes back. */
  reconnectAll(): void {
    for (const site of this.#plan.cohort) {
      this.#toSite(site, "announced");
      this.#apply({ type: "site-returned", site });
    }
    this.#untilQuiet();
  }

  #untilQuiet(): void {
    for (let steps = 0; steps < STEPS_MAX && this.#agenda.length > 0; steps++) {
      this.#agenda.sort((a, b) => a.at - b.at);
      const next = this.#agenda.shift();
      if (next === undefined) return;
      this.#now = next.at;
      next.run();
    }
    expect(this.#agenda).toHaveLength(0);
  }
}

describe(`[RND5] ${SEEDS} simulated rounds with losses, reorderings, crashes and restarts`, () => {
  test("each ends once; what is committed holds each contributor exactly once", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const simulation = new Simulation(seed);
      try {
        simulation.run();
        for (let tries = 0; tries < 40 && simulation.durable.state === "announced"; tries++) simulation.reconnectAll();
        simulation.check();
      } catch (error) {
        throw new Error(`seed ${seed} (SIMULATION_SEED=${seed} SIMULATION_SEEDS=1)`, { cause: error });
      }
    }
  });
});
