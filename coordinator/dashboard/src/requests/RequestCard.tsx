import { deltaText, epsilonText, instantText, shortDigest } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State, type Tone } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Anchor, Card, Group, Stack, Table, Text, Title, Tooltip } from "@mantine/core";
import { Link } from "wouter";
import type { RequestView } from "../../../src/http/spendingViews.ts";
import { StudyStateBadge } from "../shell/StudyStateBadge.tsx";

type SiteAnswer = RequestView["sites"][number];

const TONE: Record<SiteAnswer["answer"], Tone> = { approved: "good", rejected: "bad", waiting: "calm" };

/** One study's request: what it asks of a patient, then each hospital's answer with what it would cost there. */
export function RequestCard({ request, site }: { readonly request: RequestView; readonly site: string | undefined }) {
  const { study, purpose, state, digest, proposedAt, proposedBy, sites } = request;
  const shown = sites.filter((one) => site === undefined || one.site === site);
  return (
    <Card component="section" aria-label={study}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Group gap="sm">
            <Title order={2} size="h4">
              <Anchor component={Link} href={`/studies/${study}`} inherit>
                {study}
              </Anchor>
            </Title>
            <StudyStateBadge state={state} />
          </Group>
          <Text size="sm">{talliedText(request)}</Text>
        </Group>
        <Text>{purpose}</Text>
        <Text size="sm" c="dimmed">
          {askedText(request)}
        </Text>
        <WideTable
          minWidth={720}
          columns={["Hospital", "Answer", "Data set", "ε now", "ε with it", "Cap", "Who, when, why"]}
        >
          {shown.map((answer) => (
            <AnswerRow key={answer.site} answer={answer} />
          ))}
        </WideTable>
        {shown.some(({ answer }) => answer === "waiting") && (
          <CommandLine command={`consilium-site study approve ${study}`} />
        )}
        {shown.some(({ offer }) => offer !== null) && <CommandLine command={`consilium study revise ${study}`} />}
        <Tooltip label={digest}>
          <Text size="xs" c="dimmed">
            {proposedBy === null ? "Proposed" : `Proposed by ${proposedBy}`}, {instantText(proposedAt)}; document{" "}
            <span className="hash">{shortDigest(digest)}</span>
          </Text>
        </Tooltip>
      </Stack>
    </Card>
  );
}

function AnswerRow({ answer }: { readonly answer: SiteAnswer }) {
  const { site, answer: word, dataset, costs, steward, at, reason, offer } = answer;
  const [cost] = costs;
  const words = [steward, at === null ? null : instantText(at), reason].filter((part) => part !== null);
  return (
    <Table.Tr>
      <Table.Td>{site}</Table.Td>
      <Table.Td>
        <State tone={offer === null ? TONE[word] : "warn"}>{answerText(answer)}</State>
      </Table.Td>
      <Table.Td>{dataset ?? cost?.dataset ?? "–"}</Table.Td>
      <Table.Td className="figure">{cost === undefined ? "–" : epsilonText(cost.before)}</Table.Td>
      <Table.Td className="figure">
        {cost === undefined ? "–" : epsilonText(cost.after)}
        {cost !== undefined && !cost.fits && <State tone="bad">passes the cap</State>}
      </Table.Td>
      <Table.Td className="figure">{cost === undefined ? "–" : epsilonText(cost.cap)}</Table.Td>
      <Table.Td>{words.length === 0 ? "–" : words.join(" · ")}</Table.Td>
    </Table.Tr>
  );
}

function answerText({ answer, offer }: SiteAnswer): string {
  if (offer !== null) return `offers ε = ${offer.epsilon}`;
  return answer === "rejected" ? "refused" : answer;
}

function askedText({ epsilon, delta, rounds, noiseMultiplier, samplingRate, minSites, sites }: RequestView): string {
  return (
    `Asks ε ≤ ${epsilonText(epsilon)} at δ = ${deltaText(delta)} of each patient: ${rounds} rounds, ` +
    `σ = ${noiseMultiplier.toPrecision(3)}, q = ${samplingRate}; needs ${minSites} of ${sites.length} hospitals.`
  );
}

function talliedText({ sites }: RequestView): string {
  const of = (word: SiteAnswer["answer"]) => sites.filter(({ answer }) => answer === word).length;
  const offers = sites.filter(({ offer }) => offer !== null).length;
  const words = [
    [of("approved"), "approved"],
    [of("rejected") - offers, "refused"],
    [offers, "counter-offered"],
    [of("waiting"), "waiting"],
  ] as const;
  return words.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`])).join(", ");
}
