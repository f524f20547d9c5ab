import { rateText } from "@consilium/page/figures/format";
import { PlotCard } from "@consilium/page/plot/PlotCard";
import { Why } from "@consilium/page/why/Why";
import type { AuditReport, Figure } from "@consilium/shared/audit/report";
import { useElementSize } from "@mantine/hooks";

const ROW = 30;
const AXIS = 40;
const NAMES_MAX = 190;
const RIGHT = 12;

interface Row {
  readonly name: string;
  readonly figure: Figure;
  /** The gate's own figure, rather than one for information. */
  readonly decisive: boolean;
}

/** AUC of each attack with its interval, against a coin toss and the limit: the gate's, then pooled and by site. */
export function AucPlot({ report }: { readonly report: AuditReport }) {
  const rows = rowsOf(report);
  return (
    <PlotCard
      title="AUC of the attacks"
      aside={<Why of="attack" />}
      caption="0.5: a coin toss; red line: the gate's limit for the upper end. Bold rows decide; the others inform."
      file={`${report.study}-attack-auc`}
      rows={() => [
        ["figure", "low", "value", "high"],
        ...rows.map(({ name, figure }) =>
          figure.state === "resolved" ? [name, figure.low, figure.value, figure.high] : [name, null, null, null],
        ),
      ]}
    >
      <Forest rows={rows} limit={report.limit} />
    </PlotCard>
  );
}

function rowsOf(report: AuditReport): readonly Row[] {
  return report.orderings.flatMap(({ attacks, auc, pooledAuc, perSite, perClass }) => {
    const name = attacks.length > 1 ? `${attacks[0]} and alike` : attacks.join(", ");
    // Names tell rows apart: of several orderings each row says whose it is.
    const of = report.orderings.length > 1 ? `${attacks[0]}: ` : "";
    return [
      { name, figure: auc, decisive: true },
      { name: `${of}sites pooled as they are`, figure: pooledAuc, decisive: false },
      ...perSite.map(({ site, auc: figure }) => ({ name: `${of}at ${site}`, figure, decisive: false })),
      ...perClass.map((one) => ({ name: `${of}class ${one.class}`, figure: one.auc, decisive: false })),
    ];
  });
}

function Forest({ rows, limit }: { readonly rows: readonly Row[]; readonly limit: number }) {
  const { ref, width } = useElementSize();
  const [from, to] = rangeOf(rows, limit);
  const names = Math.min(NAMES_MAX, width * 0.48);
  const x = (auc: number) => names + ((auc - from) / (to - from)) * Math.max(1, width - names - RIGHT);
  const height = rows.length * ROW + AXIS;
  const bottom = rows.length * ROW + 6;
  const ticks = Array.from({ length: Math.round((to - from) / 0.1) + 1 }, (_, index) => from + index * 0.1);
  return (
    <div ref={ref}>
      <svg
        className="plot"
        role="img"
        aria-label={labelOf(rows)}
        height={height}
        viewBox={`0 0 ${Math.max(1, width)} ${height}`}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={x(tick)} x2={x(tick)} y1={0} y2={bottom} style={{ stroke: "var(--rule)" }} />
            <text x={x(tick)} y={bottom + 16} textAnchor="middle" className="quiet">
              {tick.toFixed(1)}
            </text>
          </g>
        ))}
        <line x1={x(0.5)} x2={x(0.5)} y1={0} y2={bottom} style={{ stroke: "var(--calm)" }} strokeDasharray="4 4" />
        <line x1={x(limit)} x2={x(limit)} y1={0} y2={bottom} style={{ stroke: "var(--bad)" }} strokeWidth={2} />
        <text x={x(limit)} y={bottom + 31} textAnchor="middle" style={{ fill: "var(--bad)" }}>
          limit {limit}
        </text>
        {rows.map((row, index) => (
          <g key={row.name} transform={`translate(0 ${index * ROW + 16})`}>
            <text x={0} y={4} fontWeight={row.decisive ? 650 : 400}>
              {row.name}
            </text>
            <Interval row={row} x={x} />
          </g>
        ))}
      </svg>
    </div>
  );
}

function Interval({ row, x }: { readonly row: Row; readonly x: (auc: number) => number }) {
  const { figure, decisive } = row;
  if (figure.state === "not-resolvable") {
    return (
      <text x={x(0.5) + 6} y={4} className="quiet">
        not resolvable
      </text>
    );
  }
  const color = decisive ? "var(--series-1)" : "var(--mantine-color-dimmed)";
  return (
    <g>
      <title>{`${row.name}: ${rateText(figure.value)} (${rateText(figure.low)} to ${rateText(figure.high)})`}</title>
      <line
        x1={x(figure.low)}
        x2={x(figure.high)}
        y1={0}
        y2={0}
        style={{ stroke: color }}
        strokeWidth={decisive ? 4 : 2}
      />
      <circle cx={x(figure.value)} cy={0} r={decisive ? 6 : 4} style={{ fill: color }} />
    </g>
  );
}

/** Tenths around everything that is drawn. */
function rangeOf(rows: readonly Row[], limit: number): readonly [number, number] {
  const ends = rows.flatMap(({ figure }) => (figure.state === "resolved" ? [figure.low, figure.high] : []));
  const from = Math.floor(Math.min(0.4, ...ends) * 10) / 10;
  const to = Math.ceil(Math.max(limit, 0.7, ...ends) * 10) / 10;
  return [from, to];
}

function labelOf(rows: readonly Row[]): string {
  const words = rows.map(({ name, figure }) =>
    figure.state === "resolved"
      ? `${name} ${rateText(figure.value)}, ${rateText(figure.low)} to ${rateText(figure.high)}`
      : `${name} not resolvable`,
  );
  return `AUC of membership attacks: ${words.join("; ")}`;
}
