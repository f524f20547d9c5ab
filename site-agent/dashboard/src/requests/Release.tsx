import { deltaText, epsilonText, shortDigest } from "@consilium/page/figures/format";
import { State, type Tone } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { ReleaseView } from "../../../src/http/views.ts";
import { Confirm } from "../shell/Confirm.tsx";

type Look = NonNullable<ReleaseView["look"]>;

/** A release that asks for this hospital's signature: what would be signed, what holds of it, what was said. */
export function Release({ view }: { readonly view: ReleaseView }) {
  const { release, standing, look, refusal } = view;
  const { study, manifest, isWaiting } = release;
  return (
    <Card component="section" aria-label={`Release of ${study}`}>
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h4">
            Release of {study}
          </Title>
          <State tone={toneOf(release)}>{standing}</State>
        </Group>
        <Text size="sm" c="dimmed">
          Manifest <span className="hash">{shortDigest(manifest)}</span>
        </Text>
        {isWaiting && look === null && refusal === null && (
          <Text size="sm">The agent is fetching its files; until they are here it can be refused, not signed.</Text>
        )}
        {refusal !== null && (
          <Text size="sm" style={{ color: "var(--bad)" }}>
            {refusal.what} {refusal.remedy}
          </Text>
        )}
        {look !== null && <Shown look={look} />}
        {isWaiting && <Answers view={view} />}
      </Stack>
    </Card>
  );
}

function toneOf({ revocation, answer, isWaiting, refusal }: ReleaseView["release"]): Tone {
  if (revocation !== null || refusal !== null) return "bad";
  if (isWaiting) return "warn";
  return answer?.answer === "signed" ? "good" : "calm";
}

function Shown({ look }: { readonly look: Look }) {
  const { gate, override, checks } = look;
  const broken = checks.filter(({ passed }) => !passed);
  return (
    <>
      <Figures look={look} />
      {override !== null && <Text fw={600}>{override}</Text>}
      <WideTable
        minWidth={560}
        columns={["Rule", "Outcome", "Required", "Found"]}
        rows={gate.rules.map(({ rule, required, found, passed }) => ({
          key: rule,
          cells: [rule, <Outcome key="outcome" passed={passed} />, required, found],
        }))}
      />
      <Text size="sm" fw={600}>
        {broken.length === 0
          ? `All ${checks.length} checks hold, this site's own among them.`
          : `${broken.length} of ${checks.length} checks don't hold: it can be refused, not signed.`}
      </Text>
      <WideTable
        minWidth={560}
        columns={["Check", "Outcome", "What it says"]}
        long={["What it says"]}
        rows={checks.map(({ name, passed, explanation, problems }) => ({
          key: name,
          cells: [name, <Outcome key="outcome" passed={passed} />, passed ? explanation : problems.join("; ")],
        }))}
      />
    </>
  );
}

function Outcome({ passed }: { readonly passed: boolean }) {
  return <State tone={passed ? "good" : "bad"}>{passed ? "pass" : "fail"}</State>;
}

/** The figures that are decided on; the same where they are confirmed. */
function Figures({ look: { verdict, epsilon } }: { readonly look: Look }) {
  return (
    <>
      <Text>{verdict}</Text>
      {epsilon !== null && (
        <Text className="figure">
          ε <b>{epsilonText(epsilon.promised)}</b> promised to this site's patients that pay most,{" "}
          <b>{epsilonText(epsilon.own)}</b> by this site's own ledger, at δ = {deltaText(epsilon.delta)}.
        </Text>
      )}
    </>
  );
}

function Answers({ view: { release, look } }: { readonly view: ReleaseView }) {
  const { study, manifest } = release;
  const holds = look !== null && look.epsilon !== null && look.checks.every(({ passed }) => passed);
  return (
    <Group gap="sm">
      <Confirm
        title={`Sign the release of ${study}`}
        label="Sign"
        isDisabled={!holds}
        decision={({ as, password }) => ({ action: "sign-release", study, manifest, as, password })}
      >
        {look !== null && <Figures look={look} />}
        {look?.override != null && <Text fw={600}>{look.override}</Text>}
        <Text size="sm">
          Exactly the manifest <span className="hash">{manifest}</span>. An answer is given once and stays.
        </Text>
      </Confirm>
      <Confirm
        title={`Refuse the release of ${study}`}
        label="Refuse"
        isDangerous
        asksReason
        decision={({ as, password, reason }) => ({ action: "refuse-release", study, manifest, reason, as, password })}
      >
        {look !== null && <Figures look={look} />}
        <Text size="sm">
          This site won't sign; the reason stays in the consortium's ledger. An answer is given once and stays.
        </Text>
      </Confirm>
    </Group>
  );
}
