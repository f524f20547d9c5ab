import type { Notice } from "@consilium/shared/ledger/notice";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import { epsilonText, instantText } from "../figures/format.ts";
import { State } from "../shell/States.tsx";
import { overText, toneOf } from "./CapTable.tsx";

/** Caps of which a level was reached, each told once, newest first. */
export function Notices({
  notices,
  names,
}: {
  readonly notices: readonly Notice[];
  readonly names: "site" | "dataset";
}) {
  if (notices.length === 0) return null;
  return (
    <Card component="section" aria-label="Notices">
      <Stack gap="xs">
        <Title order={2} size="h5">
          Notices
        </Title>
        {notices.map((notice) => (
          <Group key={`${notice.entry} ${overText(notice)} ${notice.site}`} gap="sm" wrap="nowrap" align="flex-start">
            <State tone={toneOf(notice.level)}>{notice.level} %</State>
            <Text size="sm">
              {notice[names]}: ε = {epsilonText(notice.epsilon)} of {epsilonText(notice.cap)} over {overText(notice)} is
              spent or reserved, {instantText(notice.at)}
            </Text>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}
