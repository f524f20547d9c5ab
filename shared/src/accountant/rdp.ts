import { assertOneAdjacency, type PricedEvent } from "../event/pricedEvent.ts";
import { unreachable } from "../failure/failure.ts";
import { baseLossOf, lossAt } from "./baseLoss.ts";
import { rdpLaplace, rdpOfBase } from "./laplaceRdp.ts";
import { ORDERS } from "./orders.ts";
import { rdpPoissonDiscreteGaussian, rdpPoissonGaussian } from "./poissonGaussian.ts";
import { rdpBoundedRange, rdpPureDp } from "./pureDp.ts";
import { recordEpsilon } from "./recordEpsilon.ts";
import { rdpWithoutReplacement } from "./withoutReplacement.ts";

/**
 * What some events cost together: a bound on the Rényi divergence at each of `ORDERS`, and how far the samplers were
 * from the distributions for which it holds. Curves of events on the same patients add, whatever their order, number
 * of studies or adaptivity (Mironov 2017, arXiv:1702.07476, Proposition 1).
 */
export interface RdpCurve {
  /** One value per order; ∞ where there is no bound. Never changed once made. */
  readonly values: Float64Array;
  /** Sum over releases of the samplers' max-log ratios: 2 × it is added to ε. */
  readonly maxLogRatio: number;
  /** Sum over releases of the samplers' total variations: (1 + e^ε) × it is added to δ. */
  readonly totalVariation: number;
}

/** Cost of nothing. */
export const ZERO_CURVE: RdpCurve = { values: new Float64Array(ORDERS.length), maxLogRatio: 0, totalVariation: 0 };

/** Cost of an event, all of its `count` releases. */
export function curveOf(event: PricedEvent): RdpCurve {
  const release = releaseCurve(event);
  return event.count === 1 ? release : scaleCurve(release, event.count);
}

/** Cost of several events on the same patients. Throws `accountant/mixed-adjacency`: such curves don't add. */
export function curveOfEvents(events: readonly PricedEvent[]): RdpCurve {
  assertOneAdjacency(events);
  return events.map(curveOf).reduce(addCurves, ZERO_CURVE);
}

/**
 * Cost of events on the same patients, each done so many times: one sum, whatever their numbers. All of one
 * neighbouring relation, or by `zeroOut.ts`, which alone may sum two.
 */
export function curveOfCounted(counted: Iterable<readonly [PricedEvent, number]>): RdpCurve {
  const values = new Float64Array(ORDERS.length);
  let [maxLogRatio, totalVariation] = [0, 0];
  for (const [event, times] of counted) {
    const release = releaseCurve(event);
    const releases = times * event.count;
    for (let index = 0; index < values.length; index++) {
      values[index] = (values[index] ?? Number.NaN) + releases * (release.values[index] ?? Number.NaN);
    }
    maxLogRatio += releases * release.maxLogRatio;
    totalVariation += releases * release.totalVariation;
  }
  return { values, maxLogRatio, totalVariation };
}

export function addCurves(a: RdpCurve, b: RdpCurve): RdpCurve {
  // A plain loop: each charge is added to several sums, and a start adds all of a ledger's.
  const values = new Float64Array(a.values.length);
  for (let index = 0; index < values.length; index++) {
    values[index] = (a.values[index] ?? Number.NaN) + (b.values[index] ?? Number.NaN);
  }
  return {
    values,
    maxLogRatio: a.maxLogRatio + b.maxLogRatio,
    totalVariation: a.totalVariation + b.totalVariation,
  };
}

/** Cost of `times` repetitions, 0 or more. */
export function scaleCurve(curve: RdpCurve, times: number): RdpCurve {
  if (times === 0) return ZERO_CURVE;
  return {
    values: curve.values.map((value) => value * times),
    maxLogRatio: curve.maxLogRatio * times,
    totalVariation: curve.totalVariation * times,
  };
}

/** A round asks for the same event's curve again and again: the last ones are kept. */
const kept = new Map<string, Float64Array>();
const KEPT_CURVES_MAX = 200;

function releaseCurve(event: PricedEvent): RdpCurve {
  switch (event.kind) {
    case "poisson-gaussian": {
      const { samplingRate, noiseMultiplier, samplerDistance } = event;
      // A sampler is told where noise was drawn on the integers.
      const [name, divergences] =
        samplerDistance === undefined
          ? ["continuous", rdpPoissonGaussian]
          : (["discrete", rdpPoissonDiscreteGaussian] as const);
      const values = keep(`${name} gaussian ${samplingRate} ${noiseMultiplier}`, () =>
        divergences(samplingRate, noiseMultiplier, ORDERS),
      );
      return { values, ...(samplerDistance ?? EXACT) };
    }
    case "discrete-laplace": {
      const epsilon = event.sensitivity / event.scale;
      return { values: keep(`pure ${epsilon}`, () => rdpPureDp(epsilon, ORDERS)), ...EXACT };
    }
    case "exponential-mechanism":
      return { values: keep(`range ${event.epsilon}`, () => rdpBoundedRange(event.epsilon, ORDERS)), ...EXACT };
    case "post-processing":
      return ZERO_CURVE;
    case "poisson-laplace":
    case "poisson-discrete-laplace":
    case "poisson-discrete-gaussian":
    case "zcdp":
    case "gaussian-without-replacement":
    case "metric":
    case "record-laplace":
    case "record-gaussian":
    case "pixel-laplace":
    case "randomised-response":
      return { values: keep(JSON.stringify({ ...event, count: 1 }), () => foreignCurve(event)), ...EXACT };
    default:
      return unreachable(event);
  }
}

type OwnKind = "poisson-gaussian" | "discrete-laplace" | "exponential-mechanism" | "post-processing";
type ForeignEvent = Exclude<PricedEvent, { kind: OwnKind }>;

/** Of what no ledger takes. */
function foreignCurve(event: ForeignEvent): Float64Array {
  switch (event.kind) {
    case "poisson-laplace":
      return event.samplingRate === 1 ? rdpLaplace(event.sensitivity / event.scale, ORDERS) : rdpSampledLaplace(event);
    case "poisson-discrete-laplace":
      return rdpSampledLaplace(event);
    case "poisson-discrete-gaussian":
      return rdpPoissonDiscreteGaussian(event.samplingRate, event.noiseMultiplier, ORDERS);
    case "zcdp":
      return ORDERS.map((order) => (event.rho === 0 ? event.xi : event.xi + event.rho * order));
    case "gaussian-without-replacement":
      return rdpWithoutReplacement(event.batch / event.population, event.noiseMultiplier, ORDERS);
    case "metric":
    case "record-laplace":
    case "pixel-laplace":
    case "randomised-response":
      return rdpPureDp(recordEpsilon(event), ORDERS);
    case "record-gaussian":
      return rdpPoissonGaussian(1, event.noiseMultiplier, ORDERS);
    default:
      return unreachable(event);
  }
}

const EXACT = { maxLogRatio: 0, totalVariation: 0 };

function keep(key: string, make: () => Float64Array): Float64Array {
  const known = kept.get(key);
  if (known !== undefined) return known;
  if (kept.size >= KEPT_CURVES_MAX) kept.clear();
  const values = make();
  kept.set(key, values);
  return values;
}

/** Pure ε of a large loss is nearly the whole story at every order, and the integral takes longer with the loss. */
function rdpSampledLaplace(event: SampledLaplace): Float64Array {
  const largest = event.sensitivity / event.scale;
  if (largest <= SAMPLED_LOSS_MAX) return rdpOfBase(baseLossOf(event, 0), ORDERS);
  return ORDERS.map(() => lossAt(event.samplingRate, largest));
}

type SampledLaplace = Extract<PricedEvent, { kind: "poisson-laplace" | "poisson-discrete-laplace" }>;

const SAMPLED_LOSS_MAX = 30;
