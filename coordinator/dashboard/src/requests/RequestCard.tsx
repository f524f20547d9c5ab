import { deltaText, epsilonText, instantText, shortDigest } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State, type Tone } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Anchor, Card, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { RequestView } from "../../../src/http/spendingViews.ts";
import { OverlapCosts } from "../budget/Overlap.tsx";
import { StudyStateBadge } from "../shell/StudyStateBadge.tsx";

type SiteAnswer = RequestView["sites"][number];

const TONE: Record<SiteAnswer["answer"], Tone> = { approved: "good", rejected: "bad", waiting: "calm" };

/** One study's request: what it asks of a patient, then each hospital's answer with what it would cost there. */
export function RequestCard({ request, site }: { readonly request: RequestView; readonly site: string | undefined }) {
  const { study, purpose, state, digest, proposedAt, proposedBy, sites } = request;
  const shown = sites.filter((one) => site === undefined || one.site === site);
  // Once it has begun, what it costs is in the budgets.
  const hasCosts = shown.some(({ costs }) => costs.length > 0);
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
          columns={["Hospital", "Answer", ...(hasCosts ? COSTS : []), "Data set", "Who, when, why"]}
          long={["Who, when, why"]}
          rows={shown.map((answer) => ({ key: answer.site, cells: cellsOf(answer, hasCosts) }))}
        />
        <OverlapCosts overlap={request.overlap} delta={request.delta} />
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

const COSTS = ["ε now", "ε with it", "Cap"];

function cellsOf(answer: SiteAnswer, hasCosts: boolean): ReactNode[] {
  const { site, answer: word, dataset, costs, steward, at, reason, offer } = answer;
  const [cost] = costs;
  const words = [steward, at === null ? null : instantText(at), reason].filter((part) => part !== null);
  return [
    site,
    <State key="answer" tone={offer === null ? TONE[word] : "warn"}>
      {answerText(answer)}
    </State>,
    ...(hasCosts ? costCells(cost) : []),
    dataset ?? cost?.dataset ?? "",
    words.join(" · "),
  ];
}

function costCells(cost: SiteAnswer["costs"][number] | undefined): ReactNode[] {
  if (cost === undefined) return ["", "", ""];
  return [epsilonText(cost.before), <Then key="then" cost={cost} />, epsilonText(cost.cap)];
}

function Then({ cost: { after, fits } }: { readonly cost: SiteAnswer["costs"][number] }) {
  return (
    <Group gap="xs">
      {epsilonText(after)}
      {!fits && <State tone="bad">passes the cap</State>}
    </Group>
  );
}

function answerText({ answer, offer }: SiteAnswer): string {
  if (offer !== null) return `offers ε = ${offer.epsilon}`;
  return answer === "rejected" ? "refused" : answer;
}

function askedText({ epsilon, delta, rounds, noiseMultiplier, samplingRate, minSites, sites }: RequestView): string {
  const noise = noiseMultiplier === null ? "on sanitized records" : `σ = ${noiseMultiplier.toPrecision(3)}`;
  return (
    `Asks ε ≤ ${epsilonText(epsilon)} at δ = ${deltaText(delta)} of each patient: ${rounds} rounds, ` +
    `${noise}, q = ${samplingRate}; needs ${minSites} of ${sites.length} hospitals.`
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
