import { overText, toneOf } from "@consilium/page/budget/CapTable";
import { epsilonText, instantText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { SimpleGrid } from "@mantine/core";
import type { BudgetView } from "../../../src/http/budgetViews.ts";
import { useLedger, useNotices, useWhatIf } from "../live/queries.ts";
import { FigureCard, Of } from "../overview/FigureCard.tsx";
import { useWaitingStudies } from "./waiting.ts";

/** The page in four figures, each of which leads to its part. */
export function Glance({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="lg">
      <NearestCap budgets={budgets} />
      <NoticesGiven />
      <Waiting />
      <LedgerState />
    </SimpleGrid>
  );
}

function NearestCap({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  const caps = budgets.flatMap(({ site, caps: all }) => all.map((cap) => ({ site, cap, share: shareOf(cap) })));
  const nearest = caps.reduce((most, one) => (one.share > most.share ? one : most), caps[0] ?? NO_CAP);
  if (nearest.cap === null) return <FigureCard name="Nearest to its cap" value="–" note="no cap is known yet" />;
  const { site, cap, share } = nearest;
  return (
    <FigureCard
      name="Nearest to its cap"
      place="caps"
      aside={cap.level > 0 && <State tone={toneOf(cap.level)}>{cap.level} % reached</State>}
      value={
        <>
          {Number.isFinite(share) ? Math.ceil(100 * share - 1e-9) : "over 100"} % <Of>booked</Of>
        </>
      }
      note={`${site}: ${epsilonText(cap.booked)} of ${epsilonText(cap.epsilon)} over ${overText(cap)}`}
    />
  );
}

const NO_CAP = { site: "", cap: null, share: -1 };

function shareOf({ booked, epsilon }: BudgetView["caps"][number]): number {
  return booked === 0 ? 0 : booked / epsilon;
}

function NoticesGiven() {
  const notices = useNotices().data?.notices;
  const newest = notices?.[0];
  return (
    <FigureCard
      name="Notices"
      place="notices"
      value={notices?.length ?? "–"}
      note={
        newest === undefined
          ? "at 50, 80 and 95 % of each cap"
          : `newest: ${newest.site}, ${newest.level} %, ${instantText(newest.at)}`
      }
    />
  );
}

function Waiting() {
  const waiting = useWaitingStudies();
  const [first] = waiting;
  return (
    <FigureCard
      name="Studies that wait"
      place="what-if"
      value={waiting.length}
      note={first === undefined ? "none has yet to begin" : <FirstCost study={first.name} />}
    />
  );
}

function FirstCost({ study }: { readonly study: string }) {
  const budgets = useWhatIf(study).data?.budgets;
  if (budgets === undefined) return study;
  const refused = budgets.filter(({ fits }) => !fits).length;
  if (budgets.length === 0) return `${study}: no cap is known at its sites yet`;
  return refused === 0
    ? `${study} fits all ${budgets.length} data sets`
    : `${study} would pass a limit at ${refused} of ${budgets.length} data sets`;
}

function LedgerState() {
  const ledger = useLedger().data;
  const verified = ledger?.verified ?? true;
  return (
    <FigureCard
      name="Ledger"
      place="ledger"
      aside={ledger && <State tone={verified ? "good" : "bad"}>{verified ? "chain verified" : "chain broken"}</State>}
      value={
        <>
          {ledger?.head.sequence ?? "–"} <Of>entries</Of>
        </>
      }
      note={
        ledger === undefined || ledger.witnessed.length === 0
          ? "no head of a site's ledger was seen yet"
          : `heads of ${ledger.witnessed.length} sites' own ledgers seen`
      }
    />
  );
}
