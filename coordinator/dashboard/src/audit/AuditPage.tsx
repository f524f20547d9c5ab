import { deltaText, epsilonText, instantText, intervalText, rateText } from "@consilium/page/figures/format";
import { Icon } from "@consilium/page/shell/Icon";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty, State } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Why } from "@consilium/page/why/Why";
import type { CanaryReport, Figure, UtilityReport } from "@consilium/shared/audit/report";
import { Card, Grid, Group, Stack, Text, Title } from "@mantine/core";
import type { AuditView, StudyDetail } from "../../../src/http/views.ts";
import { useAudit, useStudy } from "../live/queries.ts";
import { ruleWords } from "../overview/VerdictCard.tsx";
import { useCurrentStudy } from "../shell/currentStudy.ts";
import { AucPlot } from "./AucPlot.tsx";
import { Registry } from "./Registry.tsx";
import { ReleaseCard } from "./ReleaseCard.tsx";
import { RocPlot } from "./RocPlot.tsx";

/** What attacks on the model's outputs found, what the gate made of it, and the release. */
export function AuditPage({ study }: { readonly study?: string }) {
  const current = useCurrentStudy();
  const name = study ?? current;
  if (name === null) {
    return (
      <Empty heading={1} title="Nothing to audit yet" command="consilium study propose study.yaml">
        A model is audited after its last training round, before anything leaves the consortium.
      </Empty>
    );
  }
  return <OneAudit study={name} />;
}

function OneAudit({ study }: { readonly study: string }) {
  const detail = useStudy(study);
  return (
    <Stack gap="lg">
      <PageHead
        title="Audit and release"
        lead={`Membership attacks on the model of ${study}, scored at the sites, counted with noise.`}
        command={`consilium audit show ${study}`}
      />
      <Answer query={detail} height={400}>
        {(view) => <Report study={view} />}
      </Answer>
      <Registry />
    </Stack>
  );
}

function Report({ study }: { readonly study: StudyDetail }) {
  const audit = useAudit(study);
  return (
    <Answer query={audit} height={400}>
      {(view) =>
        view === null ? (
          <Empty title="Not audited yet" command={`consilium study watch ${study.name}`}>
            The audit runs by itself when training is complete; each site's charge for it was reserved when the study
            was approved.
          </Empty>
        ) : (
          <Findings audit={view} />
        )
      }
    </Answer>
  );
}

function Findings({ audit }: { readonly audit: AuditView }) {
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, lg: 6 }}>
        <Verdict audit={audit} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 6 }}>
        <ReleaseCard audit={audit} />
      </Grid.Col>
      <Grid.Col span={12}>
        <Rules audit={audit} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 7 }}>
        <AucPlot report={audit.report} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 5 }}>
        <RocPlot report={audit.report} />
      </Grid.Col>
    </Grid>
  );
}

/** What one run of made-up records shows, beside what is proven. */
function Canaries({ canaries, confidence }: { readonly canaries: CanaryReport; readonly confidence: number }) {
  const { count, guesses, correct, epsilon, epsilonMax } = canaries;
  return (
    <Text>
      Canaries show ε ≥ <span className="figure">{epsilonText(epsilon)}</span> of training (
      {(confidence * 100).toFixed(0)} %): {correct} of {guesses} guesses about {count} made-up records were right. The
      most that it could have shown is <span className="figure">{epsilonText(epsilonMax)}</span>; a low figure is no
      proof.
    </Text>
  );
}

/** What synthetic records teach of real patients; 95 % intervals of noised counts. */
function Utility({ evaluation: { auc, accuracy } }: Pick<UtilityReport, "evaluation">) {
  return (
    <Text>
      A classifier that the synthetic records alone taught is right about{" "}
      <span className="figure">{figureWords(accuracy)}</span> of held-out patients
      {auc !== undefined && (
        <>
          ; AUC <span className="figure">{figureWords(auc)}</span>
        </>
      )}
      .
    </Text>
  );
}

function figureWords(figure: Figure): string {
  return figure.state === "resolved" ? intervalText(figure) : "a share that can't be told";
}

const CLAIM: Readonly<Record<Exclude<AuditView["claimedBy"], "spent">, string>> = {
  "signed-schedule": "as signed, by PLD",
  "signed-maximum": "with all signed rounds and repeats",
  filter: "beyond which no site acts",
};

function Verdict({ audit }: { readonly audit: AuditView }) {
  const { gate, report, claimedEpsilon, claimedBy, spentEpsilon, delta, auditedAt, endedEarly } = audit;
  const { best } = report;
  return (
    <Card component="section" aria-label="Verdict" h="100%">
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h5">
            Verdict
          </Title>
          <State tone={gate.passed ? "good" : "bad"}>
            <Icon name={gate.passed ? "check" : "cross"} size={14} />
            {gate.passed ? "passed the gate" : "refused by the gate"}
          </State>
        </Group>
        <Text>{report.verdict.words}</Text>
        {endedEarly !== null && <Text>{endedEarly}</Text>}
        <Group gap="xl">
          <Stack gap={0}>
            <Group gap="xs">
              <Text size="sm" c="dimmed">
                Best attack's AUC
              </Text>
              <Why of="attack" />
            </Group>
            <span className="big figure">{best.state === "resolved" ? rateText(best.value) : "–"}</span>
            <Text size="sm" c="dimmed" className="figure">
              {best.state === "resolved"
                ? `${intervalText(best)} (${(report.confidence * 100).toFixed(0)} %), not an ε bound`
                : `not resolvable: ${best.why}`}
            </Text>
          </Stack>
          <Stack gap={0}>
            <Group gap="xs">
              <Text size="sm" c="dimmed">
                Claimed ε
              </Text>
              <Why of="claimed" />
            </Group>
            <span className="big figure">{epsilonText(claimedEpsilon)}</span>
            <Text size="sm" c="dimmed" className="figure">
              δ = {deltaText(delta)}, per patient, whole study
              {claimedBy !== "spent" && `; ${CLAIM[claimedBy]}; spent, by RDP: ${epsilonText(spentEpsilon)}`}
            </Text>
          </Stack>
        </Group>
        {report.canaries !== undefined && <Canaries canaries={report.canaries} confidence={report.confidence} />}
        {report.gradientCanaries !== undefined && (
          <Text>
            Gradient canaries suggest ε ≈ <span className="figure">{epsilonText(report.gradientCanaries.epsilon)}</span>{" "}
            for the consortium’s sum: an estimate, no bound.
          </Text>
        )}
        {report.utility !== undefined && <Utility evaluation={report.utility.evaluation} />}
        <Text size="sm" c="dimmed">
          Audited {instantText(auditedAt)}, model <span className="hash">{report.modelDigest.slice(0, 12)}…</span> after
          round {report.round}
        </Text>
      </Stack>
    </Card>
  );
}

function Rules({ audit }: { readonly audit: AuditView }) {
  return (
    <Card component="section" aria-label="Rules of the gate">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Rules of the gate
        </Title>
        <WideTable
          minWidth={640}
          columns={["Rule", "Outcome", "Required", "Found", "Why"]}
          long={["Why"]}
          rows={audit.gate.rules.map(({ rule, required, found, passed, why }) => ({
            key: rule,
            cells: [
              ruleWords(rule),
              <State key="outcome" tone={passed ? "good" : "bad"}>
                {passed ? "pass" : "fail"}
              </State>,
              required,
              found,
              why,
            ],
          }))}
        />
      </Stack>
    </Card>
  );
}
