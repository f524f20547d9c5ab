import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { useRunnable } from "@consilium/page/shell/Surroundings";
import { Grid, Stack } from "@mantine/core";
import type { StudyDetail } from "../../../src/http/views.ts";
import { useRounds, useStudies, useStudy, useStudyBudgets } from "../live/queries.ts";
import { StudyStateBadge } from "../shell/StudyStateBadge.tsx";
import { Approvals } from "./Approvals.tsx";
import { Attention } from "./Attention.tsx";
import { BudgetBars } from "./BudgetBars.tsx";
import { KeyFigures } from "./KeyFigures.tsx";
import { LiveRound } from "./LiveRound.tsx";
import { MetricPlot } from "./MetricPlot.tsx";
import { RoundStrip } from "./RoundStrip.tsx";
import { Studies } from "./Studies.tsx";
import { VerdictCard } from "./VerdictCard.tsx";

/** One study at a glance; without a name in the address, the newest. */
export function OverviewPage({ study }: { readonly study?: string }) {
  const studies = useStudies();
  return (
    <Answer query={studies} height={400}>
      {(view) => {
        const name = study ?? view.studies[0]?.name;
        if (name === undefined) {
          return (
            <Empty heading={1} title="No study yet" command="consilium study propose study.yaml">
              A study says what is learnt from which columns, at what ε, and who must approve it. Propose one, then each
              site's steward approves exactly that document.
            </Empty>
          );
        }
        return <OneStudy name={name} studies={view.studies.length} />;
      }}
    </Answer>
  );
}

function OneStudy({ name, studies }: { readonly name: string; readonly studies: number }) {
  const detail = useStudy(name);
  return (
    <Answer query={detail} height={400}>
      {(study) => (
        <Stack gap="lg">
          <PageHead
            title={study.name}
            aside={<StudyStateBadge state={study.state} />}
            lead={leadOf(study)}
            command={`consilium study watch ${study.name}`}
          />
          <Attention study={study} />
          <KeyFigures study={study} />
          <Panels study={study} />
          {studies > 1 && <Studies />}
        </Stack>
      )}
    </Answer>
  );
}

function Panels({ study }: { readonly study: StudyDetail }) {
  const budgets = useStudyBudgets(study.name);
  const rounds = useRounds(study.name);
  const approve = useRunnable()(`consilium-site study approve ${study.name}`);
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, lg: 7 }}>
        <MetricPlot study={study} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 5 }}>
        <Answer query={budgets} height={320}>
          {({ budgets }) => (
            <BudgetBars
              budgets={budgets}
              file={`${study.name}-epsilon`}
              none={`Caps come with approvals. At a site: ${approve}`}
            />
          )}
        </Answer>
      </Grid.Col>
      <Grid.Col span={12}>
        <Answer query={rounds} height={200}>
          {({ rounds }) => <RoundStrip study={study} rounds={rounds} />}
        </Answer>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 6, lg: 4 }}>
        <LiveRound study={study} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 6, lg: 4 }}>
        <Approvals study={study} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 4 }}>
        <VerdictCard study={study} />
      </Grid.Col>
    </Grid>
  );
}

/** What it is for, why it stands as it does and, where training ended early, why. */
function leadOf({ purpose, reason, endedEarly }: StudyDetail): string {
  const reasons = reason === null || endedEarly?.startsWith(reason) === true ? [endedEarly] : [reason, endedEarly];
  const words = reasons.flatMap((one) => (one === null ? [] : [sentence(one)]));
  return words.length === 0 ? purpose : `${purpose}. ${words.join(" ")}`;
}

function sentence(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith(".") ? "" : "."}`;
}
