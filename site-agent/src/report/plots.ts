import { linePlotSvg, type Panel } from "@consilium/shared/plot/linePlot";
import type { LocalDistances, MethodDistance } from "@consilium/shared/sanitizer/distances";
import type { LocalEnergy } from "@consilium/shared/sanitizer/energy";
import type { LocalSpectrum } from "@consilium/shared/sanitizer/spectrum";

const NAMES: Readonly<Record<string, string>> = {
  "dct-laplace exact": "Laplace",
  "dct-metric exact": "metric",
  "dct-metric floating-point": "metric, on the sphere",
};

/** Row by row a K, in it a panel for each promise: mean distance by ε, a line a method, and what K alone lose. */
function distancePanels(sweeps: readonly LocalDistances[]): readonly Panel[] {
  const counts = sweeps[0]?.floors.map(({ coefficients }) => coefficients) ?? [];
  return counts.flatMap((coefficients) => sweeps.map((sweep) => distancePanel(sweep, coefficients)));
}

/** All panels as one picture. */
export function distancePicture(sweeps: readonly LocalDistances[]): string {
  return linePlotSvg("Mean distance by method, K and ε, for both promises", distancePanels(sweeps), sweeps.length);
}

const PROMISES = { record: "a record", metric: "a unit of distance" } as const;

function distancePanel({ promise, methods, floors }: LocalDistances, coefficients: number): Panel {
  const distance = floors.find((one) => one.coefficients === coefficients)?.distance ?? 0;
  return {
    title: `K = ${coefficients}`,
    xName: `ε for ${PROMISES[promise]}`,
    yName: "distance",
    scale: { x: "log", y: "log" },
    lines: Object.entries(NAMES).map(([method, name]) => ({
      name,
      points: methods
        .filter((one) => one.coefficients === coefficients && methodKey(one) === method)
        .map(({ epsilon, distance: y }) => ({ x: epsilon, y })),
    })),
    // A logarithmic axis has no place for a loss of nothing.
    ...(distance > 0 ? { limit: { name: "without noise", y: distance, nameAt: "left" as const } } : {}),
  };
}

function methodKey({ method, sampler }: MethodDistance): string {
  return `${method} ${sampler}`;
}

/** Points of a line: more stand too near. */
const POINTS_MAX = 60;

/** Mean power by coefficient, both axes logarithmic; of many coefficients a mean over neighbours. */
export function spectrumPanel({ before_C, after_K, epsilon }: LocalSpectrum & { readonly epsilon: number }): Panel {
  const scale = { x: "log", y: "log" } as const;
  const lines = [
    { name: "as they are", points: pooled(before_C) },
    { name: `Laplace, ε = ${epsilon} a record`, points: pooled(after_K) },
  ];
  return { title: "Mean square", xName: "coefficient, from 1", yName: "", scale, lines };
}

/** Share of the energy that the first K coefficients keep. */
export function energyPanel({ kept }: LocalEnergy): Panel {
  const points = kept.map(({ coefficients: x, share: y }) => ({ x, y: 100 * y }));
  const lines = [{ name: "as they are", points }];
  return { title: "Energy kept", xName: "K", yName: "%", scale: { x: "log", y: "linear" }, lines };
}

/** Neighbours within the same sixtieth of the logarithmic axis as one point; powers of nothing are left out. */
function pooled(power: Float64Array): { x: number; y: number }[] {
  const pools = new Map<number, { sum: number; count: number; places: number }>();
  power.forEach((value, k) => {
    const at = Math.floor((POINTS_MAX * Math.log(k + 1)) / Math.log(power.length + 1));
    const { sum, count, places } = pools.get(at) ?? { sum: 0, count: 0, places: 0 };
    pools.set(at, { sum: sum + value, count: count + 1, places: places + k + 1 });
  });
  return [...pools.values()]
    .map(({ sum, count, places }) => ({ x: places / count, y: sum / count }))
    .filter(({ y }) => y > 0);
}
