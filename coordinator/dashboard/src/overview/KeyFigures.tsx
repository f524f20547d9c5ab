import { deltaText, durationText, epsilonText, intervalText, rateText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { Why } from "@consilium/page/why/Why";
import { Group, Progress, SimpleGrid, Stack } from "@mantine/core";
import type { BudgetView } from "../../../src/http/budgetViews.ts";
import type { LiveRoundView, StudyDetail } from "../../../src/http/views.ts";
import { useMetrics, useRound, useSites, useStudyBudgets } from "../live/queries.ts";
import { FigureCard, Of } from "./FigureCard.tsx";

/** The four figures that a lead looks at first. */
export function KeyFigures({ study }: { readonly study: StudyDetail }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="lg">
      <Rounds study={study} />
      <SitesUp study={study} />
      <HighestEpsilon study={study} />
      <ValidationAuc study={study} />
    </SimpleGrid>
  );
}

function Rounds({ study }: { readonly study: StudyDetail }) {
  const { data } = useRound(study.name);
  const committed = data?.committedRounds ?? study.committedRounds;
  return (
    <FigureCard
      name="Training rounds"
      value={
        <>
          {committed} <Of>/ {study.rounds}</Of>
        </>
      }
      note={
        <Stack gap={6}>
          <Progress value={(100 * committed) / study.rounds} size="sm" aria-label="Rounds committed" />
          {remaining(study, data)}
        </Stack>
      }
    />
  );
}

function remaining(study: StudyDetail, round: LiveRoundView | undefined): string {
  const early = study.endedEarly === null ? "" : ", ended early";
  if (study.state !== "training") return `committed${early}; the study is ${study.state}`;
  const left = round?.remainingMs ?? null;
  return left === null ? "committed; time left not known yet" : `committed; about ${durationText(left)} left`;
}

function SitesUp({ study }: { readonly study: StudyDetail }) {
  const { data } = useSites();
  const names = new Set<string>(study.document.sites.map(({ name }) => name));
  const members = data?.sites.filter(({ name }) => names.has(name)) ?? [];
  const up = members.filter(({ connected }) => connected).length;
  const down = members.filter(({ connected }) => !connected).map(({ name }) => name);
  return (
    <FigureCard
      name="Sites connected"
      value={
        <>
          {data === undefined ? "–" : up} <Of>/ {names.size}</Of>
        </>
      }
      note={
        down.length === 0
          ? `${study.document.training.minSites} are needed for a round`
          : `not connected: ${down.join(", ")}`
      }
    />
  );
}

function HighestEpsilon({ study }: { readonly study: StudyDetail }) {
  const { data } = useStudyBudgets(study.name);
  const worst = data?.budgets.reduce<BudgetView | null>(
    (most, budget) => (most === null || budget.spentEpsilon > most.spentEpsilon ? budget : most),
    null,
  );
  return (
    <FigureCard
      name="Highest ε of any site"
      aside={<Why of="highest" />}
      value={
        worst ? (
          <>
            {epsilonText(worst.spentEpsilon)} <Of>of {epsilonText(worst.cap)}</Of>
          </>
        ) : (
          "–"
        )
      }
      note={
        worst ? `at ${worst.site}, δ = ${deltaText(worst.delta)}, per patient, in total` : "nothing was charged yet"
      }
    />
  );
}

function ValidationAuc({ study }: { readonly study: StudyDetail }) {
  const { data } = useMetrics(study.name);
  const last = data?.points.findLast(({ auc }) => auc !== null);
  const auc = last?.auc ?? null;
  return (
    <FigureCard
      name="Validation AUC"
      aside={
        <Group gap="xs">
          <State tone="calm">DP</State>
          <Why of="metric" />
        </Group>
      }
      value={auc?.state === "resolved" ? rateText(auc.value) : auc === null ? "–" : <Of>hidden by noise</Of>}
      note={
        last === undefined || auc === null
          ? `first after round ${study.document.evaluation.everyRounds}`
          : `${auc.state === "resolved" ? `${intervalText(auc)} (95 %)` : auc.why}, after round ${last.round}`
      }
    />
  );
}
