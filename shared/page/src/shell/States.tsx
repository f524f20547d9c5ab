import { Card, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { CommandLine } from "./CommandLine.tsx";
import { usePageTitle } from "./pageTitle.ts";
import { RefusalAlert } from "./RefusalAlert.tsx";

export type Tone = "good" | "warn" | "bad" | "calm";

/** A state in a word and a colour; the word alone is enough. */
export function State({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className="state" data-tone={tone}>
      {children}
    </span>
  );
}

/** Nothing is here yet: what would bring something, as a command. */
export function Empty({ title, children, command, heading = 2 }: EmptyProps) {
  usePageTitle(heading === 1 ? title : null);
  return (
    <Card component="section">
      <Stack gap="sm" align="flex-start">
        <Title order={heading} size="h4">
          {title}
        </Title>
        <Text c="dimmed" maw={640}>
          {children}
        </Text>
        <CommandLine command={command} />
      </Stack>
    </Card>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly command: string;
  /** 1 where it is the whole page. */
  readonly heading?: 1 | 2;
}

interface AnswerProps<View> {
  readonly query: { readonly data: View | undefined; readonly error: Error | null };
  readonly height?: number;
  readonly children: (view: View) => ReactNode;
}

/** What the program answered; until then its place is kept, and a refusal says what to do. */
export function Answer<View>({ query, height = 160, children }: AnswerProps<View>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error === null) return <Skeleton height={height} radius="lg" aria-label="Loading" />;
  return <RefusalAlert error={query.error} />;
}
