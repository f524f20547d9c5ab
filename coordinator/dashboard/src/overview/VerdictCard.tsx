import { CommandLine } from "@consilium/page/shell/CommandLine";
import { Icon } from "@consilium/page/shell/Icon";
import { Answer, State } from "@consilium/page/shell/States";
import { Why } from "@consilium/page/why/Why";
import { Anchor, Card, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "wouter";
import type { AuditView, StudyDetail } from "../../../src/http/views.ts";
import { useAudit, useReleases } from "../live/queries.ts";

/** Whether the model may leave: the gate's rules, and the release. */
export function VerdictCard({ study }: { readonly study: StudyDetail }) {
  const audit = useAudit(study);
  return (
    <Card component="section" aria-label="Gate and release" h="100%">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h5">
            Gate and release
          </Title>
          <Why of="attack" />
        </Group>
        <Answer query={audit} height={110}>
          {(view) => (view === null ? <NotYet study={study} /> : <Judged study={study} audit={view} />)}
        </Answer>
      </Stack>
    </Card>
  );
}

function NotYet({ study }: { readonly study: StudyDetail }) {
  const { gates, attacks } = study.document.audit;
  return (
    <Text c="dimmed">
      Not audited yet. What every site signed: {attacks.length} membership attacks ({attacks.join(", ")}); the model
      leaves only if the upper bound of the best one's AUC is at most {gates.maxAttackAucUpper}.
    </Text>
  );
}

function Judged({ study, audit }: { readonly study: StudyDetail; readonly audit: AuditView }) {
  const { gate, report } = audit;
  return (
    <>
      <Group>
        <State tone={gate.passed ? "good" : "bad"}>
          <Icon name={gate.passed ? "check" : "cross"} size={14} />
          {gate.passed ? "passed the gate" : "refused by the gate"}
        </State>
      </Group>
      <Text size="sm">{report.verdict.words}</Text>
      {gate.rules.map(({ rule, required, found, passed }) => (
        <Group key={rule} justify="space-between" wrap="nowrap" gap="xs">
          <Text size="sm">
            {ruleWords(rule)}: {found}{" "}
            <span style={{ color: "var(--mantine-color-dimmed)" }}>(wanted: {required})</span>
          </Text>
          <State tone={passed ? "good" : "bad"}>{passed ? "pass" : "fail"}</State>
        </Group>
      ))}
      <ReleaseLine study={study.name} />
      <Anchor component={Link} href={`/studies/${study.name}/audit`} size="sm">
        Whole audit
      </Anchor>
    </>
  );
}

/** "max-attack-auc-upper" → "max attack auc upper". */
export function ruleWords(rule: string): string {
  return rule.replaceAll("-", " ").replace(/\b(auc|tpr|fpr)\b/g, (word) => word.toUpperCase());
}

export function ReleaseLine({ study }: { readonly study: string }) {
  const releases = useReleases();
  const release = releases.data?.releases.find((entry) => entry.study === study);
  if (release === undefined) return null;
  return <CommandLine command={`consilium verify ${release.path} --key consortium.pub`} />;
}
