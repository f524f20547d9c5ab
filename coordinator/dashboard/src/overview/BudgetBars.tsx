import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import type { BudgetView } from "../../../src/http/views.ts";
import { deltaText, epsilonText } from "../figures/format.ts";
import { PlotCard } from "../plot/PlotCard.tsx";
import { Why } from "../why/Why.tsx";

const ROW = 58;
const BAR = 16;
const AXIS = 26;
/** Part of the width that the largest cap takes; its line needs a little room. */
const CAP_SHARE = 0.99;

interface BudgetBarsProps {
  readonly budgets: readonly BudgetView[];
  readonly file: string;
  /** What brings the first bar. */
  readonly none: string;
}

/** ε of each data set against its cap: spent, what open reservations would add, the cap as a line. */
export function BudgetBars({ budgets, file, none }: BudgetBarsProps) {
  const delta = budgets[0] === undefined ? "" : `, at δ = ${deltaText(budgets[0].delta)}`;
  return (
    <PlotCard
      title="ε of each site against its cap"
      aside={<Why of="spent" />}
      caption={`Per patient, over all studies on the data set${delta}; line: cap.`}
      file={file}
      rows={() => [
        ["site", "data set", "epsilon spent", "epsilon reserved", "epsilon of this study's training", "cap", "delta"],
        ...budgets.map((b) => [
          b.site,
          b.dataset,
          b.spentEpsilon,
          b.reservedEpsilon,
          b.trainingEpsilon,
          b.cap,
          b.delta,
        ]),
      ]}
    >
      {budgets.length === 0 ? <Text c="dimmed">{none}</Text> : <Bars budgets={budgets} />}
    </PlotCard>
  );
}

function Bars({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  const { ref, width } = useElementSize();
  const largest = Math.max(
    ...budgets.map(({ cap, spentEpsilon, reservedEpsilon }) => Math.max(cap, spentEpsilon + reservedEpsilon)),
  );
  const scale = (epsilon: number) => (largest === 0 ? 0 : (epsilon / largest) * width * CAP_SHARE);
  const height = budgets.length * ROW + AXIS;
  const words = budgets.map((b) => `${b.site} ${epsilonText(b.spentEpsilon)} of ${epsilonText(b.cap)}`).join("; ");
  return (
    <div ref={ref}>
      <svg
        className="plot"
        role="img"
        aria-label={`ε spent: ${words}`}
        height={height}
        viewBox={`0 0 ${Math.max(1, width)} ${height}`}
      >
        <defs>
          <pattern id="reserved" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="2.5" height="6" style={{ fill: "var(--bar)" }} />
          </pattern>
        </defs>
        {budgets.map((budget, index) => (
          <g key={`${budget.site} ${budget.dataset}`} transform={`translate(0 ${index * ROW})`}>
            <Bar budget={budget} width={width} scale={scale} />
          </g>
        ))}
        <Legend y={height - 6} />
      </svg>
    </div>
  );
}

interface BarProps {
  readonly budget: BudgetView;
  readonly width: number;
  readonly scale: (epsilon: number) => number;
}

function Bar({ budget, width, scale }: BarProps) {
  const { site, cap, spentEpsilon, reservedEpsilon, trainingEpsilon } = budget;
  const training = trainingEpsilon === null ? "" : ` · training alone ${epsilonText(trainingEpsilon)}`;
  return (
    <>
      <text x={0} y={14} fontWeight={600}>
        {site}
        <tspan className="quiet" fontWeight={400} style={{ fill: "var(--mantine-color-dimmed)" }}>
          {training}
        </tspan>
      </text>
      <text x={width} y={14} textAnchor="end">
        <tspan fontWeight={650}>{epsilonText(spentEpsilon)}</tspan> of {epsilonText(cap)}
      </text>
      <rect x={0} y={22} width={scale(cap)} height={BAR} rx={4} style={{ fill: "var(--bar-track)" }} />
      <rect x={0} y={22} width={scale(spentEpsilon)} height={BAR} rx={4} style={{ fill: "var(--bar)" }} />
      <rect x={scale(spentEpsilon)} y={22} width={scale(reservedEpsilon)} height={BAR} fill="url(#reserved)" />
      <rect x={scale(cap) - 1.25} y={18} width={2.5} height={BAR + 8} rx={1} style={{ fill: "var(--bad)" }} />
    </>
  );
}

function Legend({ y }: { readonly y: number }) {
  return (
    <g>
      <rect x={0} y={y - 9} width={10} height={10} rx={2} style={{ fill: "var(--bar)" }} />
      <text x={15} y={y} className="quiet">
        spent
      </text>
      <rect x={62} y={y - 9} width={10} height={10} fill="url(#reserved)" />
      <text x={77} y={y} className="quiet">
        reserved
      </text>
      <rect x={145} y={y - 11} width={2.5} height={14} style={{ fill: "var(--bad)" }} />
      <text x={153} y={y} className="quiet">
        cap
      </text>
    </g>
  );
}
