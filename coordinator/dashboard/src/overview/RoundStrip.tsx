import { PlotCard } from "@consilium/page/plot/PlotCard";
import { useRunnable } from "@consilium/page/shell/Surroundings";
import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import type { ClosedRound, SiteInRound, StudyDetail } from "../../../src/http/views.ts";

const ROW = 26;
/** Two lines: what a column is, and below it the number of every tenth training round. */
const HEAD = 34;
const FOOT = 30;
const NAMES = 132;
const CELL_MAX = 22;
const CELL_MIN = 9;

type Answer = SiteInRound["answer"];

/** Who answered in each of the newest rounds; late and absent sites cost accuracy, never privacy. */
export function RoundStrip({
  study,
  rounds,
}: {
  readonly study: StudyDetail;
  readonly rounds: readonly ClosedRound[];
}) {
  const sites = study.document.sites.map(({ name }) => name);
  const start = useRunnable()(`consilium study start ${study.name}`);
  return (
    <PlotCard
      title="Sites' rounds"
      caption="One column a closed round, newest at the right; E: an evaluation, A: an audit, ×: abandoned."
      file={`${study.name}-rounds`}
      rows={() => [
        ["purpose", "round", "attempt", "outcome", ...sites],
        ...rounds.map(({ key, outcome, sites: answers }) => [
          key.purpose,
          key.round,
          key.attempt,
          outcome,
          ...sites.map((name) => answers.find(({ site }) => site === name)?.answer ?? null),
        ]),
      ]}
    >
      {rounds.length === 0 ? (
        <Text c="dimmed">No round was closed yet. Start training with: {start}</Text>
      ) : (
        <Strip sites={sites} rounds={rounds} />
      )}
    </PlotCard>
  );
}

function Strip({ sites, rounds }: { readonly sites: readonly string[]; readonly rounds: readonly ClosedRound[] }) {
  const { ref, width } = useElementSize();
  const room = Math.max(0, width - NAMES);
  const shown = rounds.slice(-Math.max(1, Math.floor(room / CELL_MIN)));
  const cell = Math.min(CELL_MAX, room / shown.length);
  const height = HEAD + sites.length * ROW + FOOT;
  return (
    <div ref={ref}>
      <svg
        className="plot"
        role="img"
        aria-label={labelOf(sites, shown)}
        height={height}
        viewBox={`0 0 ${Math.max(1, width)} ${height}`}
      >
        {shown.map((round, column) => (
          <g key={nameOf(round)} transform={`translate(${NAMES + column * cell} 0)`}>
            <text
              x={cell / 2}
              y={round.key.purpose === "train" && round.outcome !== "abandoned" ? 28 : 12}
              textAnchor="middle"
              className="quiet"
              fontSize={11}
            >
              {markOf(round)}
            </text>
            {sites.map((site, row) => (
              <g key={site} transform={`translate(0 ${HEAD + row * ROW})`}>
                <Cell size={cell} round={round} site={site} />
              </g>
            ))}
          </g>
        ))}
        {sites.map((site, row) => (
          <text key={site} x={0} y={HEAD + row * ROW + 15}>
            {site}
          </text>
        ))}
        <Legend y={height - 8} />
      </svg>
    </div>
  );
}

function Cell({ size, round, site }: { readonly size: number; readonly round: ClosedRound; readonly site: string }) {
  const answer = round.sites.find((entry) => entry.site === site)?.answer;
  if (answer === undefined) return null;
  return (
    <g opacity={round.outcome === "abandoned" ? 0.55 : 1}>
      <title>{`${site}, ${nameOf(round)}: ${answer}; ${round.outcome}`}</title>
      <Mark answer={answer} width={Math.max(2, size - 2)} />
    </g>
  );
}

/** Height and outline differ beside the colour: full, half, empty, dash. */
function Mark({ answer, width }: { readonly answer: Answer; readonly width: number }) {
  const box = { x: 0, width, rx: 2 };
  switch (answer) {
    case "answered":
      return <rect {...box} y={0} height={20} style={{ fill: "var(--bar)" }} />;
    case "late":
      return <rect {...box} y={10} height={10} style={{ fill: "var(--warn)" }} />;
    case "declined":
      return <rect {...box} y={8} height={4} style={{ fill: "var(--calm)" }} />;
    case "absent":
    case "waiting":
      return (
        <rect
          {...box}
          x={0.75}
          width={Math.max(0.5, width - 1.5)}
          y={0.75}
          height={18.5}
          fill="none"
          style={{ stroke: "var(--bad)" }}
        />
      );
  }
}

const LEGEND: readonly (readonly [Answer, string])[] = [
  ["answered", "in time"],
  ["late", "late"],
  ["declined", "declined"],
  ["absent", "absent"],
];

function Legend({ y }: { readonly y: number }) {
  const starts = [0, 72, 120, 196];
  return LEGEND.map(([answer, words], index) => (
    <g key={answer} transform={`translate(${starts[index]} ${y - 10})`}>
      <g transform="scale(0.55)">
        <Mark answer={answer} width={18} />
      </g>
      <text x={15} y={10} className="quiet">
        {words}
      </text>
    </g>
  ));
}

function nameOf({ key, outcome }: ClosedRound): string {
  return `${key.purpose} ${key.round}, attempt ${key.attempt}${outcome === "abandoned" ? ", abandoned" : ""}`;
}

function markOf({ key, outcome }: ClosedRound): string {
  if (outcome === "abandoned") return "×";
  if (key.purpose === "train") return key.round % 10 === 0 ? String(key.round) : "";
  if (key.purpose === "reference") return key.round % 10 === 0 ? `R${key.round}` : "";
  if (key.purpose === "normalise") return "N";
  if (key.purpose === "choose") return "C";
  if (key.purpose === "shadow") return "S";
  return key.purpose === "evaluate" ? "E" : "A";
}

function labelOf(sites: readonly string[], rounds: readonly ClosedRound[]): string {
  const answered = (name: string) =>
    rounds.filter(({ sites: answers }) => answers.some(({ site, answer }) => site === name && answer === "answered"))
      .length;
  return `Of the last ${rounds.length} rounds: ${sites.map((name) => `${name} answered ${answered(name)}`).join(", ")}`;
}
