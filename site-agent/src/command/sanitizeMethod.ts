import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { Failure } from "@consilium/shared/failure/failure";
import { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { NoiseMultiplier } from "@consilium/shared/units/privacy";

/** What the command is told of a method; the rest has defaults that are public. */
export interface MethodOptions {
  readonly method: SanitizerMethod["method"];
  /** Of `promise`: for a record, for a unit of L2 distance, or for a pixel. */
  readonly epsilon: number;
  readonly promise: "record" | "metric";
  readonly coefficients?: number | undefined;
  readonly clip?: number | undefined;
  readonly firstClip?: number | undefined;
  readonly sampler?: "exact" | "floating-point" | undefined;
  readonly dimensions?: number | undefined;
  readonly seed?: number | undefined;
  /** File with a public order of the columns. */
  readonly order?: string | undefined;
  /** At which a Gaussian's ε is stated. */
  readonly delta: number;
}

/** Options of a method that have been given; undefined: left to their defaults. */
export type OwnOptions = {
  readonly [Name in keyof Omit<MethodOptions, "method" | "epsilon">]?: MethodOptions[Name] | undefined;
};

const FLAGS = {
  promise: "--promise",
  coefficients: "--coefficients",
  clip: "--clip",
  firstClip: "--first-clip",
  sampler: "--sampler",
  dimensions: "--dimensions",
  seed: "--seed",
  order: "--order",
  delta: "--delta",
} as const satisfies Readonly<Record<keyof OwnOptions, string>>;
const NAMES = [
  ...(["promise", "coefficients", "clip", "firstClip"] as const),
  ...(["sampler", "dimensions", "seed", "order", "delta"] as const),
];

const OWN: Readonly<Record<SanitizerMethod["method"], readonly (keyof OwnOptions)[]>> = {
  "dct-laplace": ["promise", "coefficients", "clip", "firstClip", "order"],
  "dct-metric": ["promise", "coefficients", "clip", "firstClip", "order", "sampler"],
  "pixel-laplace": [],
  projection: ["promise", "clip", "dimensions", "seed", "delta"],
};

const DELTA = 1e-5;

/** All options of a method. One that is another method's is refused: it would be taken for one that was heeded. */
export function ownOptions(method: SanitizerMethod["method"], epsilon: number, own: OwnOptions): MethodOptions {
  const strange = NAMES.filter((name) => own[name] !== undefined && !OWN[method].includes(name));
  if (strange.length > 0) throw notOwn(method, strange);
  return { ...own, method, epsilon, promise: own.promise ?? "record", delta: own.delta ?? DELTA };
}

/** The genomics paper's number of coefficients. */
const COEFFICIENTS = 50;

/** The method whose promise is the ε that was asked for, on records of so many numbers. */
export function methodOf(options: MethodOptions, columns: number): SanitizerMethod {
  const { method, epsilon, promise } = options;
  switch (method) {
    case "dct-laplace": {
      const { coefficients, clip, firstClip } = bounds(options, columns);
      const all = required(clip, method) + (firstClip ?? 0);
      // At scale b: 2·B/b for a record, √K/b for a unit of L2 distance (`sanitizer/compare.ts`).
      const own = promise === "record" ? epsilon : (epsilon * 2 * all) / Math.sqrt(coefficients);
      return SanitizerMethod.parse({ method, coefficients, firstBound: firstClip, l1Bound: clip, epsilon: own });
    }
    case "dct-metric": {
      const { coefficients, clip, firstClip } = bounds(options, columns);
      const reach = promise === "metric" ? 1 : 2 * Math.hypot(required(clip, method), firstClip ?? 0);
      return SanitizerMethod.parse({
        ...{ method, coefficients, firstBound: clip === undefined ? null : firstClip },
        ...{ l2Bound: clip ?? null, epsilonPerDistance: epsilon / reach, sampler: options.sampler ?? "exact" },
      });
    }
    case "pixel-laplace":
      return SanitizerMethod.parse({ method, beta: 1 / epsilon });
    case "projection": {
      if (promise !== "record") throw noPromise("A projection's promise is for a record; it has none by distance.");
      const { dimensions = Math.min(COEFFICIENTS, columns), seed = 1, delta } = options;
      const noiseMultiplier = gaussianFor(epsilon, delta);
      return SanitizerMethod.parse({
        method,
        dimensions,
        seed,
        l2Bound: required(options.clip, method),
        noiseMultiplier,
      });
    }
  }
}

/** `public`, `dropped`, or `randomised:E`. */
export function labelRuleOf(text: string): LabelRule {
  const [label, epsilon] = text.split(":");
  const rule = LabelRule.safeParse(epsilon === undefined ? { label } : { label, epsilon: Number(epsilon) });
  if (rule.success) return rule.data;
  throw new Failure({
    code: "sanitizer/label-rule",
    kind: "usage",
    what: `--labels ${text} is none of randomised:E (0 < E ≤ 20), public and dropped.`,
    remedy: "For instance --labels randomised:1; labels that leave as they are take two stewards.",
  });
}

function bounds({ coefficients, clip, firstClip }: MethodOptions, columns: number) {
  return { coefficients: coefficients ?? Math.min(COEFFICIENTS, columns), clip, firstClip: firstClip ?? null };
}

/** Least noise multiplier at which one record's ε at δ is at most this, by the accountant's own figure. */
function gaussianFor(epsilon: number, delta: number): NoiseMultiplier {
  const cost = (noiseMultiplier: number): number => {
    const gaussian = NoiseMultiplier.parse(noiseMultiplier);
    const event = { kind: "record-gaussian", adjacency: "replace", noiseMultiplier: gaussian, count: 1 } as const;
    return epsilonOfEvents([event], delta);
  };
  let [little, enough] = [1e-4, 1e4];
  if (cost(enough) > epsilon) throw noPromise(`No noise gives ε = ${epsilon} at δ = ${delta}.`);
  while (enough / little > 1 + 1e-9) {
    const middle = Math.sqrt(little * enough);
    if (cost(middle) <= epsilon) enough = middle;
    else little = middle;
  }
  return NoiseMultiplier.parse(enough);
}

function required(clip: number | undefined, method: string): number {
  if (clip !== undefined) return clip;
  throw new Failure({
    code: "sanitizer/no-clip",
    kind: "usage",
    what: `Without a clip ${method} has no figure for a record.`,
    remedy: "State one with --clip B: public, from knowledge of the field, never from these data.",
  });
}

function notOwn(method: SanitizerMethod["method"], strange: readonly (keyof OwnOptions)[]): Failure {
  const own = OWN[method].map((name) => FLAGS[name]);
  return new Failure({
    code: "sanitizer/option-of-another-method",
    kind: "usage",
    what: `${strange.map((name) => FLAGS[name]).join(" and ")}: no option of ${method}.`,
    remedy: own.length === 0 ? `Leave it out; ${method} has none but --epsilon.` : `Its own are ${own.join(", ")}.`,
  });
}

function noPromise(what: string): Failure {
  return new Failure({
    code: "sanitizer/no-such-promise",
    kind: "usage",
    what,
    remedy: "Ask for --promise record, and for an ε that noise can keep.",
  });
}
