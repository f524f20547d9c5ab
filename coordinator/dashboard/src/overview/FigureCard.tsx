import { Anchor, Card, Group, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface FigureCardProps {
  readonly name: string;
  /** Where on the page the rest of it stands. */
  readonly place?: string;
  readonly aside?: ReactNode;
  readonly value: ReactNode;
  readonly note: ReactNode;
}

/** One figure that people look at first. */
export function FigureCard({ name, place, aside, value, note }: FigureCardProps) {
  return (
    <Card component="section" aria-label={name}>
      <Stack gap={6}>
        <Group justify="space-between" gap="xs">
          {place === undefined ? (
            <Text size="sm" c="dimmed" fw={600}>
              {name}
            </Text>
          ) : (
            <Anchor href={`#${place}`} size="sm" fw={600}>
              {name}
            </Anchor>
          )}
          {aside}
        </Group>
        <div className="big figure">{value}</div>
        <Text component="div" size="sm" c="dimmed" className="figure">
          {note}
        </Text>
      </Stack>
    </Card>
  );
}

/** What the figure before it is of, in a quieter voice. */
export function Of({ children }: { readonly children: ReactNode }) {
  return (
    <Text component="span" size="lg" c="dimmed" fw={500}>
      {children}
    </Text>
  );
}
