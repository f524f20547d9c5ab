import { deltaText, epsilonText, shortDigest } from "@consilium/page/figures/format";
import { State, type Tone } from "@consilium/page/shell/States";
import { Card, Divider, Group, List, Stack, Text, Title } from "@mantine/core";
import type { RequestView } from "../../../src/http/views.ts";
import { Confirm } from "../shell/Confirm.tsx";
import { CheckData } from "./CheckData.tsx";

const TONE: Record<RequestView["study"]["state"], Tone> = {
  proposed: "calm",
  approved: "good",
  rejected: "bad",
  vetoed: "bad",
};
const WORD = { proposed: "waits for an answer", approved: "approved", rejected: "refused", vetoed: "withdrawn" };

function askedText({ study, rounds, noiseMultiplier, samplingRate }: RequestView): string {
  return (
    `Asks ε ≤ ${epsilonText(study.epsilon)} at δ = ${deltaText(study.delta)} of each patient: ${rounds} rounds, ` +
    `σ = ${noiseMultiplier.toPrecision(3)}, q = ${samplingRate}.`
  );
}

type Quote = RequestView["quotes"][number];

export function Request({ request }: { readonly request: RequestView }) {
  const { study, quotes, hasEnded } = request;
  return (
    <Card component="section" aria-label={study.name}>
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h4">
            {study.name}
          </Title>
          <State tone={TONE[study.state]}>{WORD[study.state]}</State>
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
        {!hasEnded && (study.state === "proposed" || study.state === "approved") && (
          <Group>
            <Refuse request={request} />
          </Group>
        )}
      </Stack>
    </Card>
  );
}

function Cost({ request, quote }: { readonly request: RequestView; readonly quote: Quote }) {
  const { dataset, before, after, cap, refusal, leaves, weights } = quote;
  const { name, digest } = request.study;
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
      {cap !== null && after !== null && (
        <Group>
          <Confirm
            title={`Approve ${name} on ${dataset}`}
            label="Approve"
            isDisabled={refusal !== null}
            decision={({ password }) => ({ action: "approve", study: name, dataset, digest, after, password })}
          >
            <Figures quote={quote} />
            <Text size="sm">
              Exactly the document <span className="hash">{digest}</span>. Patients are read and prepared before it is
              signed; that may take a while.
            </Text>
            <Text size="sm" c="dimmed">
              ε now {before === null ? "unknown" : epsilonText(before)}; you can withdraw an approval at any time, what
              was spent stays spent.
            </Text>
          </Confirm>
        </Group>
      )}
    </Stack>
  );
}

/** The figures that are decided on; the same where they are confirmed. */
function Figures({ quote: { before, after, cap } }: { readonly quote: Quote }) {
  if (cap === null || before === null || after === null)
    return <Text size="sm">No cap is set, so nothing may be charged to it.</Text>;
  return (
    <Text className="figure">
      ε <b>{epsilonText(before)}</b> now, <b>{epsilonText(after)}</b> with all of this study, of a cap of{" "}
      <b>{epsilonText(cap.epsilon)}</b> at δ = {deltaText(cap.delta)}, for the patients that pay most.
    </Text>
  );
}

function Refuse({ request: { study } }: { readonly request: RequestView }) {
  const { name, digest, epsilon, delta, state } = study;
  const isApproved = state === "approved";
  return (
    <Confirm
      title={isApproved ? `Withdraw the approval of ${name}` : `Refuse ${name}`}
      label={isApproved ? "Withdraw approval" : "Refuse"}
      isDangerous
      asksReason
      decision={({ password, reason }) => ({ action: "refuse", study: name, digest, reason, password })}
    >
      <Text>
        {name} asks ε ≤ {epsilonText(epsilon)} at δ = {deltaText(delta)} of each patient.{" "}
        {isApproved
          ? "This site declines its rounds from now on; what was spent stays spent."
          : "This site will take no part in this version of it."}
      </Text>
    </Confirm>
  );
}
