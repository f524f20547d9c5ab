import { deltaText, epsilonText, instantText, shortDigest } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State, type Tone } from "@consilium/page/shell/States";
import { Why } from "@consilium/page/why/Why";
import { Card, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import type { ApprovalView, StudyDetail } from "../../../src/http/views.ts";

const TONE: Record<ApprovalView["answer"], Tone> = { approved: "good", rejected: "bad", waiting: "calm" };

/** Who agreed to exactly this document, and what it promises. */
export function Approvals({ study }: { readonly study: StudyDetail }) {
  const { privacy } = study.document;
  const waiting = study.approvals.some(({ answer }) => answer === "waiting");
  return (
    <Card component="section" aria-label="Approvals" h="100%">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Approvals
        </Title>
        <Group gap="xs">
          <Text size="sm" c="dimmed">
            ε ≤ {epsilonText(privacy.epsilon)} at δ = {deltaText(privacy.delta)} per {privacy.unit},{" "}
            {privacy.mechanism === "dp-sgd"
              ? `σ = ${privacy.noiseMultiplier.toPrecision(3)}, q = ${privacy.samplingRate}; noise at each site`
              : "metrics and audit alone; training reads sanitized records"}
          </Text>
          <Why of="claimed" />
        </Group>
        {study.approvals.map(({ site, answer, steward, reason, at }) => (
          <Group key={site} justify="space-between" wrap="nowrap">
            <Stack gap={0}>
              <Text size="sm">{site}</Text>
              <Text size="xs" c="dimmed">
                {[steward, at === null ? null : instantText(at), reason].filter((part) => part !== null).join(" · ")}
              </Text>
            </Stack>
            <State tone={TONE[answer]}>{answer}</State>
          </Group>
        ))}
        {waiting && <CommandLine command={`consilium-site study approve ${study.name}`} />}
        <Tooltip label={study.digest}>
          <Text size="xs" c="dimmed">
            document <span className="hash">{shortDigest(study.digest)}</span>
          </Text>
        </Tooltip>
      </Stack>
    </Card>
  );
}
