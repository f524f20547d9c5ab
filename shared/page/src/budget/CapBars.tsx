import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import type { ReactNode } from "react";
import { epsilonText } from "../figures/format.ts";
import { PlotCard } from "../plot/PlotCard.tsx";

const ROW = 58;
const BAR = 16;
const AXIS = 26;
/** Part of the width that the largest cap takes; its line needs a little room. */
const CAP_SHARE = 0.99;

/** ε of one data set against its cap: what is so, and what would come on top. */
export interface CapBar {
  readonly key: string;
  readonly name: string;
  /** After the name, in a quieter voice. */
  readonly beside: string;
  readonly epsilon: number;
  readonly more: number;
  readonly cap: number;
}

interface CapBarsProps {
  readonly title: string;
  readonly aside?: ReactNode;
  readonly caption: string;
  readonly file: string;
  /** What the first column of the data is called, then a row for each bar. */
  readonly of: string;
  readonly bars: readonly CapBar[];
  /** What is filled, and what is hatched. */
  readonly legend: readonly [epsilon: string, more: string];
  /** What brings the first bar. */
  readonly none: string;
}

export function CapBars({ title, aside, caption, file, of, bars, legend, none }: CapBarsProps) {
  return (
    <PlotCard
      title={title}
      aside={aside}
      caption={caption}
      file={file}
      rows={() => [
        [of, "", `epsilon ${legend[0]}`, `epsilon ${legend[1]}`, "cap"],
        ...bars.map(({ name, beside, epsilon, more, cap }) => [name, beside, epsilon, more, cap]),
      ]}
    >
      {bars.length === 0 ? <Text c="dimmed">{none}</Text> : <Bars bars={bars} legend={legend} />}
    </PlotCard>
  );
}

function Bars({ bars, legend }: Pick<CapBarsProps, "bars" | "legend">) {
  const { ref, width } = useElementSize();
  const largest = Math.max(...bars.map(({ cap, epsilon, more }) => Math.max(cap, epsilon + more)));
  const scale = (epsilon: number) => (largest === 0 ? 0 : (epsilon / largest) * width * CAP_SHARE);
  const height = bars.length * ROW + AXIS;
  const words = bars.map((bar) => `${bar.name} ${epsilonText(bar.epsilon)} of ${epsilonText(bar.cap)}`).join("; ");
  return (
    <div ref={ref}>
      <svg
        className="plot"
        role="img"
        aria-label={`ε ${legend[0]}: ${words}`}
        height={height}
        viewBox={`0 0 ${Math.max(1, width)} ${height}`}
      >
        <defs>
          <pattern id="more" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="2.5" height="6" style={{ fill: "var(--bar)" }} />
          </pattern>
        </defs>
        {bars.map((bar, index) => (
          <g key={bar.key} transform={`translate(0 ${index * ROW})`}>
            <Bar bar={bar} width={width} scale={scale} />
          </g>
        ))}
        <Legend y={height - 6} words={legend} />
      </svg>
    </div>
  );
}

interface BarProps {
  readonly bar: CapBar;
  readonly width: number;
  readonly scale: (epsilon: number) => number;
}

function Bar({ bar, width, scale }: BarProps) {
  const { name, beside, cap, epsilon, more } = bar;
  return (
    <>
      <text x={0} y={14} fontWeight={600}>
        {name}
        <tspan className="quiet" fontWeight={400} style={{ fill: "var(--mantine-color-dimmed)" }}>
          {isRoomFor(name, beside, width) ? ` · ${beside}` : ""}
        </tspan>
      </text>
      <text x={width} y={14} textAnchor="end">
        <tspan fontWeight={650}>{epsilonText(epsilon)}</tspan> of {epsilonText(cap)}
      </text>
      <rect x={0} y={22} width={scale(cap)} height={BAR} rx={4} style={{ fill: "var(--bar-track)" }} />
      <rect x={0} y={22} width={scale(epsilon)} height={BAR} rx={4} style={{ fill: "var(--bar)" }} />
      <rect x={scale(epsilon)} y={22} width={scale(more)} height={BAR} fill="url(#more)" />
      <rect x={scale(cap) - 1.25} y={18} width={2.5} height={BAR + 8} rx={1} style={{ fill: "var(--bad)" }} />
    </>
  );
}

/** Width of a letter on average, for places without measuring. */
const LETTER = 6.6;
/** Of "2.54 of 4.00" at the end of the line. */
const FIGURES = 100;

function isRoomFor(name: string, beside: string, width: number): boolean {
  return beside !== "" && (name.length + beside.length + 4) * LETTER < width - FIGURES;
}

function Legend({ y, words: [epsilon, more] }: { readonly y: number; readonly words: readonly [string, string] }) {
  const second = 33 + epsilon.length * LETTER;
  const third = second + 33 + more.length * LETTER;
  return (
    <g>
      <rect x={0} y={y - 9} width={10} height={10} rx={2} style={{ fill: "var(--bar)" }} />
      <text x={15} y={y} className="quiet">
        {epsilon}
      </text>
      <rect x={second} y={y - 9} width={10} height={10} fill="url(#more)" />
      <text x={second + 15} y={y} className="quiet">
        {more}
      </text>
      <rect x={third} y={y - 11} width={2.5} height={14} style={{ fill: "var(--bad)" }} />
      <text x={third + 8} y={y} className="quiet">
        cap
      </text>
    </g>
  );
}
