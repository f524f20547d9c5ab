import { CommandLine } from "@consilium/page/shell/CommandLine";
import { Icon } from "@consilium/page/shell/Icon";
import { Card, Group, Stack, Text } from "@mantine/core";
import type { StudyDetail } from "../../../src/http/views.ts";
import { useSites, useStudyBudgets } from "../live/queries.ts";
import { useNow } from "../shell/LiveDot.tsx";
import { attentionList } from "./attentionList.ts";

const MINUTE_MS = 60_000;

/** What needs a person, with the command that helps; nothing where all is well. */
export function Attention({ study }: { readonly study: StudyDetail }) {
  const sites = useSites();
  const budgets = useStudyBudgets(study.name);
  const now = useNow(MINUTE_MS);
  const items = attentionList(study, sites.data?.sites ?? [], budgets.data?.budgets ?? [], now);
  if (items.length === 0) return null;
  return (
    <Card component="section" aria-label="Needs attention" padding="sm">
      <Stack gap="xs">
        {items.map(({ tone, words, command }) => (
          <Group key={words} justify="space-between" gap="sm">
            <Group gap="xs" wrap="nowrap" style={{ color: `var(--${tone})` }}>
              <Icon name="alert" />
              <Text size="sm" fw={600}>
                {words}
              </Text>
            </Group>
            <CommandLine command={command} />
          </Group>
        ))}
      </Stack>
    </Card>
  );
}
