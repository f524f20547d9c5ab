import { type Line, linePlotSvg, type Panel, STYLES } from "../plot/linePlot.ts";
import { largest } from "./epsilonCurve.ts";
import type { CurvePoint, Plan } from "./plan.ts";
import type { SweepAxis, SweepPoint } from "./sweep.ts";

const LINEAR = { x: "linear", y: "linear" } as const;
const PARTS = [
  ["training patients", "train"],
  ["validation patients", "validation"],
  ["audit hold-out", "audit"],
  ["reference part", "reference"],
] as const;

/** ε(t) of each part against the study's cap, then of each budget against its own. */
export function planPicture(plan: Plan): string {
  const frame = { xName: "training rounds", yName: "ε", scale: LINEAR };
  const panel = (title: string, points: Line["points"], cap: number): Panel => {
    return { ...frame, title, lines: [{ name: "ε paid by one patient", points }], limit: { name: "cap", y: cap } };
  };
  const parts = PARTS.filter(([, part]) => part !== "reference" || plan.epsilon.reference !== 0);
  const own = parts.map(([name, part]) =>
    panel(
      name,
      pointsOf(plan.curve, (point) => point.epsilon[part]),
      plan.cap,
    ),
  );
  const budgets = plan.budgets.map(({ site, dataset, scope, cap, curve }) => {
    const title = [site, ...(dataset === null ? [] : [dataset]), scope].join(", ");
    return panel(
      title,
      pointsOf(curve, (point) => point.epsilon),
      cap,
    );
  });
  return linePlotSvg(`ε of ${plan.study} by training round`, [...own, ...budgets], parts.length);
}

/** Over the first axis: cost, noise, what is left of the signal; a line for each value of the second. */
export function sweepPicture(axes: readonly SweepAxis[], points: readonly SweepPoint[]): string {
  const [first, second] = axes;
  if (first === undefined) throw new RangeError("a sweep has an axis");
  const chosen = second === undefined ? [null] : spread(second.values, STYLES);
  const linesOf = (value: (point: SweepPoint) => number | null): Line[] =>
    chosen.map((other) => ({
      name: second === undefined || other === null ? "study" : `${second.name} ${other}`,
      points: points
        .filter((point) => second === undefined || other === null || turnedOf(point, second.name) === other)
        .flatMap((point) => drawn(turnedOf(point, first.name), value(point))),
    }));
  const scale = { x: first.name === "rounds" ? "linear" : "log", y: "linear" } as const;
  const panels = [
    { title: "Cost", yName: "ε", value: (point: SweepPoint) => point.epsilon && largest(point.epsilon) },
    { title: "Noise", yName: "σ", value: (point: SweepPoint) => point.sigma },
    { title: "Signal, at best", yName: "ratio", value: (point: SweepPoint) => point.signal?.wholeVectorInAll ?? null },
  ].map(({ title, yName, value }): Panel => ({ title, yName, xName: first.name, scale, lines: linesOf(value) }));
  return linePlotSvg(`Studies over ${axes.map(({ name }) => name).join(" and ")}`, panels, 3);
}

export function turnedOf(point: SweepPoint, name: SweepAxis["name"]): number | null {
  return { q: point.q, sigma: point.sigma, rounds: point.rounds, epsilon: point.epsilonCap }[name];
}

function pointsOf<Point extends Pick<CurvePoint, "round">>(
  curve: readonly Point[],
  of: (point: Point) => number | null,
) {
  return curve.flatMap((point) => drawn(point.round, of(point)));
}

function drawn(x: number | null, y: number | null): { x: number; y: number }[] {
  return x === null || y === null ? [] : [{ x, y }];
}

/** So many of the values at even places, both ends among them. */
function spread(values: readonly number[], count: number): readonly number[] {
  if (values.length <= count) return values;
  const places = Array.from({ length: count }, (_, index) => Math.round((index * (values.length - 1)) / (count - 1)));
  return places.flatMap((place) => values[place] ?? []);
}
