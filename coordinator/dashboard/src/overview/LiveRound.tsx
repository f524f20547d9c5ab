import { durationText } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { Answer, State, type Tone } from "@consilium/page/shell/States";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { SiteInRound, StudyDetail } from "../../../src/http/views.ts";
import { useRound } from "../live/queries.ts";
import { useNow } from "../shell/LiveDot.tsx";

const TONE: Record<SiteInRound["answer"], Tone> = {
  waiting: "calm",
  answered: "good",
  late: "warn",
  absent: "bad",
  declined: "warn",
};

/** What runs at this moment, site by site. */
export function LiveRound({ study }: { readonly study: StudyDetail }) {
  const round = useRound(study.name);
  const now = useNow(1000);
  return (
    <Card component="section" aria-label="Now" h="100%">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Now
        </Title>
        <Answer query={round} height={90}>
          {({ running }) =>
            running === null ? (
              <Idle study={study} />
            ) : (
              <>
                <Text>
                  {PURPOSE[running.key.purpose]} {Math.max(1, running.key.round)}, attempt {running.key.attempt}:{" "}
                  {running.state}
                </Text>
                <Text size="sm" c="dimmed" className="figure">
                  {deadline(Date.parse(running.deadlineAt) - now)}
                </Text>
                {running.sites.map(({ site, answer }) => (
                  <Group key={site} justify="space-between">
                    <Text size="sm">{site}</Text>
                    <State tone={TONE[answer]}>{answer}</State>
                  </Group>
                ))}
              </>
            )
          }
        </Answer>
      </Stack>
    </Card>
  );
}

const PURPOSE = {
  normalise: "Normalisation before round",
  reference: "Reference models, round",
  train: "Training round",
  evaluate: "Evaluation after round",
  shadow: "Shadow of reference models, round",
  choose: "Choice of generators after round",
  audit: "Audit after round",
} as const;

function deadline(leftMs: number): string {
  return leftMs > 0 ? `late after ${durationText(leftMs)}` : "closing";
}

function Idle({ study }: { readonly study: StudyDetail }) {
  const next = NEXT[study.state];
  return (
    <>
      <Text c="dimmed">No round is under way. {next.words}</Text>
      {next.command !== undefined && <CommandLine command={next.command(study.name)} />}
    </>
  );
}

const start = (name: string) => `consilium study start ${name}`;
const show = (name: string) => `consilium study show ${name}`;

const NEXT: Record<StudyDetail["state"], { readonly words: string; readonly command?: (name: string) => string }> = {
  draft: { words: "Propose it to the sites.", command: () => "consilium study propose study.yaml" },
  proposed: { words: "Each site's steward decides first.", command: show },
  approved: { words: "All answers are in: it may start.", command: start },
  training: { words: "The next one is announced shortly.", command: show },
  paused: {
    words: "Once the reason for the pause is gone, resume the study: an abandoned round is tried again.",
    command: (name) => `consilium study resume ${name}`,
  },
  trained: { words: "Training is complete; the audit is next.", command: show },
  auditing: { words: "The audit is being judged.", command: show },
  signing: {
    words: "The gate let the model pass; its release waits for signatures.",
    command: (name) => `consilium release show ${name}`,
  },
  released: { words: "The model was released." },
  audited: { words: "A second audit is done; what it found lies beside the release." },
  revoked: { words: "The release was revoked: nobody should use it any more." },
  rejected: { words: "Nothing was released.", command: show },
  aborted: { words: "The study was stopped. What it spent stays spent." },
};
