import { Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { CommandLine } from "./CommandLine.tsx";
import { usePageTitle } from "./pageTitle.ts";

interface PageHeadProps {
  readonly title: string;
  /** Beside the title: the state. */
  readonly aside?: ReactNode;
  readonly lead: ReactNode;
  /** What says the same at a terminal. */
  readonly command: string;
}

export function PageHead({ title, aside, lead, command }: PageHeadProps) {
  usePageTitle(title);
  return (
    <Group justify="space-between" align="flex-start" gap="md">
      <Stack gap={4} maw={720}>
        <Group gap="sm">
          <Title order={1} size="h2">
            {title}
          </Title>
          {aside}
        </Group>
        <Text c="dimmed">{lead}</Text>
      </Stack>
      <CommandLine command={command} />
    </Group>
  );
}
