import { epsilonOf } from "@consilium/shared/accountant/convert";
import { leastPldNoise } from "@consilium/shared/accountant/leastPldNoise";
import { ORDERS } from "@consilium/shared/accountant/orders";
import { pldEpsilon } from "@consilium/shared/accountant/pld";
import { rdpPoissonGaussian } from "@consilium/shared/accountant/poissonGaussian";
import { curveOfEvents, scaleCurve } from "@consilium/shared/accountant/rdp";
import { PricedEvent } from "@consilium/shared/event/pricedEvent";
import { assert } from "@consilium/shared/failure/failure";
import { processorMs } from "./machine.ts";
import { onlineRounds } from "./onlineRounds.ts";

const DELTA = 1e-5;
const RUNS = 7;

/** Something that accountants are asked. */
export interface AccountantTask {
  readonly name: string;
  /** Its name in peers/accountants.py. */
  readonly peer: string;
  readonly aimMs: number | null;
  /** Milliseconds of processor time of each run: other work on the machine doesn't count. */
  readonly times: () => Promise<readonly number[]>;
}

const steps = (samplingRate: number, noiseMultiplier: number, count: number): PricedEvent =>
  PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier, count });

const MIXED = [steps(0.01, 1, 100), steps(0.01, 1.5, 100), steps(0.01, 2, 100), steps(0.01, 4, 100)];

/** Rounds of the task that asks for ε after each of them. */
export const ONLINE_ROUNDS = 10_000;

export const ACCOUNTANT_TASKS: readonly AccountantTask[] = [
  { name: "RDP, q = .01, σ = 1, 10,000 steps", peer: "rdp", aimMs: 20, times: repeated(rdpAnew) },
  {
    name: "PLD, both bounds, the same",
    peer: "pld",
    aimMs: 300,
    times: repeated(() => pldEpsilon([steps(0.01, 1, 10_000)], DELTA)),
  },
  {
    name: "PLD, both bounds, 1,000 steps",
    peer: "pld1000",
    aimMs: null,
    times: repeated(() => pldEpsilon([steps(0.01, 1, 1000)], DELTA)),
  },
  {
    name: "PLD, both bounds, 4 mixed segments",
    peer: "mixed",
    aimMs: 500,
    times: repeated(() => pldEpsilon(MIXED, DELTA)),
  },
  {
    name: "σ for ε = 3, q = .01, 5,000 steps, by PLD",
    peer: "sigma",
    aimMs: 2000,
    times: repeated(() => leastPldNoise((noise) => [steps(0.01, noise, 5000)], 3, DELTA)),
  },
  {
    name: "ε above 10: RDP and PLD, q = .05, σ = .6, 2,000 steps",
    peer: "large",
    aimMs: null,
    times: repeated(() => boundedEpsilon(steps(0.05, 0.6, 2000), { above: 10, below: 1000 })),
  },
  {
    name: "ε below 1e-4: RDP and PLD, q = 1e-5, σ = 2, 10 steps",
    peer: "small",
    aimMs: null,
    times: repeated(() => boundedEpsilon(steps(1e-5, 2, 10), { above: 0, below: 1e-4 })),
  },
  {
    name: `ε after each of ${ONLINE_ROUNDS.toLocaleString("en-US")} rounds, asked of a ledger`,
    peer: "online",
    aimMs: 5,
    times: () => onlineRounds(ONLINE_ROUNDS),
  },
];

/** Past the cache of curves: what a new plan takes. */
function rdpAnew(): number {
  const values = rdpPoissonGaussian(0.01, 1, ORDERS);
  return epsilonOf(scaleCurve({ values, maxLogRatio: 0, totalVariation: 0 }, 10_000), DELTA);
}

/** Both accountants' ε of a plan, which must be figures, in order, and where they are said to be. */
function boundedEpsilon(
  event: PricedEvent,
  { above, below }: { readonly above: number; readonly below: number },
): void {
  const rdp = epsilonOf(curveOfEvents([event]), DELTA);
  const { lower, upper } = pldEpsilon([event], DELTA);
  assert(above <= lower && lower <= upper && upper < below, `PLD gives ${lower} to ${upper}`);
  assert(lower <= rdp && Number.isFinite(rdp), `RDP gives ${rdp}, under PLD's ${lower}`);
}

/** After three runs to warm up. */
function repeated(run: () => unknown): () => Promise<readonly number[]> {
  return async () => {
    for (let warm = 0; warm < 3; warm++) run();
    return Array.from({ length: RUNS }, () => processorMs(run));
  };
}
