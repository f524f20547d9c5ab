import { deltaText, epsilonText, shortDigest } from "@consilium/page/figures/format";
import { State, type Tone } from "@consilium/page/shell/States";
import { Card, Divider, Group, List, Stack, Text, Title } from "@mantine/core";
import type { RequestView } from "../../../src/http/views.ts";
import { Approve, CounterOffer, Figures, FreezeStudy, Refuse } from "./Answers.tsx";
import { CheckData } from "./CheckData.tsx";

const TONE: Record<RequestView["study"]["state"], Tone> = {
  proposed: "calm",
  approved: "good",
  rejected: "bad",
  vetoed: "bad",
};
const WORD = { proposed: "waits for an answer", approved: "approved", rejected: "refused", vetoed: "withdrawn" };

function askedText({ study, rounds, noiseMultiplier, samplingRate }: RequestView): string {
  const noise = noiseMultiplier === null ? "on sanitized records" : `σ = ${noiseMultiplier.toPrecision(3)}`;
  return (
    `Asks ε ≤ ${epsilonText(study.epsilon)} at δ = ${deltaText(study.delta)} of each patient: ${rounds} rounds, ` +
    `${noise}, q = ${samplingRate}.`
  );
}

type Quote = RequestView["quotes"][number];

export function Request({ request }: { readonly request: RequestView }) {
  const { study, quotes, hasEnded } = request;
  const isApproved = study.state === "approved";
  return (
    <Card component="section" aria-label={study.name}>
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h4">
            {study.name}
          </Title>
          <State tone={TONE[study.state]}>{WORD[study.state]}</State>
          {study.frozen && <State tone="warn">frozen</State>}
          {study.offer !== null && <State tone="warn">ε = {study.offer.epsilon} offered</State>}
          {study.progress !== null && <Text size="sm">the study is {study.progress}</Text>}
        </Group>
        <Text>{study.purpose}</Text>
        <Text size="sm" c="dimmed">
          {askedText(request)} Document <span className="hash">{shortDigest(study.digest)}</span>
        </Text>
        {study.reason !== null && <Text size="sm">Reason: {study.reason}</Text>}
        {study.refusedBy.map(({ rule, allowed, asked }) => (
          <Text size="sm" key={rule} style={{ color: "var(--bad)" }}>
            This site's policy refuses it: {rule} {allowed}, asked {asked}.
          </Text>
        ))}
        {quotes.map((quote) => (
          <Cost key={quote.dataset} request={request} quote={quote} />
        ))}
        {!hasEnded && (study.state === "proposed" || isApproved) && (
          <Group gap="sm">
            {isApproved && <FreezeStudy request={request} />}
            <Refuse request={request} />
          </Group>
        )}
      </Stack>
    </Card>
  );
}

function Cost({ request, quote }: { readonly request: RequestView; readonly quote: Quote }) {
  const { dataset, cap, refusal, leaves, weights } = quote;
  const { name } = request.study;
  return (
    <Stack gap="xs" component="section" aria-label={`${name} on ${dataset}`}>
      <Divider />
      <Title order={3} size="h5">
        On {dataset}
      </Title>
      <Figures quote={quote} />
      {refusal !== null && (
        <Text size="sm" style={{ color: "var(--bad)" }}>
          {refusal.what} {refusal.remedy}
        </Text>
      )}
      <Text size="sm" fw={600}>
        Leaves this site
      </Text>
      <List size="sm">
        {[...leaves, ...weights.map((line) => `starts from pretrained weights: ${line}`)].map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
      <CheckData study={name} dataset={dataset} />
      {cap !== null && (
        <Group gap="sm">
          <Approve request={request} quote={quote} />
          <CounterOffer request={request} quote={quote} />
        </Group>
      )}
    </Stack>
  );
}
