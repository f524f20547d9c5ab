import type { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { epsilonText } from "../figures/format.ts";
import { PlotCard } from "../plot/PlotCard.tsx";
import { Why } from "../why/Why.tsx";
import { groupName } from "./groups.ts";

const ROW = 44;
const BAR = 14;
const FOOT = 24;

interface ChargeFallProps {
  readonly whose: string;
  readonly file: string;
  readonly history: EpsilonHistory;
  readonly cap: number | null;
}

interface Step {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Beside the name, in a quieter voice. */
  readonly beside: string;
  readonly isTotal: boolean;
}

/** A waterfall: from nothing to ε now, by what each study and purpose raised it; then what the cap leaves. */
export function ChargeFall({ whose, file, history, cap }: ChargeFallProps) {
  return (
    <PlotCard
      title="What raised ε"
      aside={<Why of="increments" />}
      caption={`${whose}: each bar begins where the one before ends; charged side by side, they are drawn one by one.`}
      file={`${file}-charges`}
      rows={() => [
        ["study", "purpose", "charges", "epsilon added", "first", "last"],
        ...history.groups.map(({ study, purpose, charges, added, firstAt, lastAt }) => [
          study,
          purpose,
          charges,
          added,
          firstAt,
          lastAt,
        ]),
      ]}
    >
      {history.epsilon === null ? <Text c="dimmed">No bound is proven any more: ε is unlimited.</Text> : null}
      {history.epsilon !== null && <Fall steps={stepsOf(history)} cap={cap} whose={whose} />}
    </PlotCard>
  );
}

function stepsOf({ groups, epsilon, charges }: EpsilonHistory): readonly Step[] {
  let from = 0;
  const steps = groups.map((group): Step => {
    const to = from + (group.added ?? 0);
    const step = { name: groupName(group), from, to, beside: chargesText(group.charges), isTotal: false };
    from = to;
    return step;
  });
  return [...steps, { name: "all", from: 0, to: epsilon ?? 0, beside: chargesText(charges), isTotal: true }];
}

function chargesText(charges: number): string {
  return charges === 1 ? "1 charge" : `${charges} charges`;
}

function Fall({ steps, cap, whose }: { steps: readonly Step[]; cap: number | null; whose: string }) {
  const { ref, width } = useElementSize();
  const largest = Math.max(cap ?? 0, ...steps.map(({ to }) => to));
  const scale = (epsilon: number) => (largest === 0 ? 0 : (epsilon / largest) * width * 0.99);
  const height = steps.length * ROW + FOOT;
  const words = steps.map((step) => `${step.name} ${epsilonText(step.to - step.from)}`).join(", ");
  return (
    <div ref={ref}>
      <svg
        className="plot"
        role="img"
        aria-label={`What raised ε, ${whose}: ${words}${cap === null ? "" : `; cap ${epsilonText(cap)}`}`}
        height={height}
        viewBox={`0 0 ${Math.max(1, width)} ${height}`}
      >
        {steps.map((step, index) => (
          <g key={step.name} transform={`translate(0 ${index * ROW})`}>
            <StepBar step={step} width={width} scale={scale} isLast={index === steps.length - 1} />
          </g>
        ))}
        {cap !== null && (
          <>
            <rect
              x={scale(cap) - 1.25}
              y={16}
              width={2.5}
              height={steps.length * ROW - 20}
              rx={1}
              style={{ fill: "var(--bad)" }}
            />
            <text x={scale(cap)} y={height - 6} textAnchor="end" className="quiet">
              cap {epsilonText(cap)}
            </text>
          </>
        )}
      </svg>
    </div>
  );
}

interface StepBarProps {
  readonly step: Step;
  readonly width: number;
  readonly scale: (epsilon: number) => number;
  readonly isLast: boolean;
}

function StepBar({ step, width, scale, isLast }: StepBarProps) {
  const { name, beside, from, to, isTotal } = step;
  const y = 20;
  return (
    <>
      <text x={0} y={14} fontWeight={isTotal ? 650 : 500}>
        {name}
        <tspan fontWeight={400} style={{ fill: "var(--mantine-color-dimmed)" }}>
          {` · ${beside}`}
        </tspan>
      </text>
      <text x={width - 8} y={14} textAnchor="end" fontWeight={isTotal ? 650 : 400}>
        {isTotal ? epsilonText(to) : `+ ${epsilonText(to - from)}`}
      </text>
      <rect
        x={scale(from)}
        y={y}
        width={Math.max(1.5, scale(to) - scale(from))}
        height={BAR}
        rx={2}
        style={{ fill: isTotal ? "var(--ink)" : "var(--bar)" }}
      />
      {!isLast && (
        <path d={`M${scale(to)} ${y + BAR}V${ROW + y}`} style={{ stroke: "var(--rule)", strokeWidth: 1.5 }} />
      )}
    </>
  );
}
