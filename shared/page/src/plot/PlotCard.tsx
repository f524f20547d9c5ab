import { ActionIcon, Card, Group, Menu, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useRef } from "react";
import { Icon } from "../shell/Icon.tsx";
import { csvText, download, type Rows, svgText } from "./export.ts";

interface PlotCardProps {
  readonly title: string;
  /** Beside the title: badges, a "why?". */
  readonly aside?: ReactNode;
  /** One line on what is drawn, with units. */
  readonly caption: string;
  /** File name of downloads, without ending. */
  readonly file: string;
  readonly rows: () => Rows;
  readonly children: ReactNode;
}

/** A plot with its title, units and downloads: the drawing as SVG, its data as CSV. */
export function PlotCard({ title, aside, caption, file, rows, children }: PlotCardProps) {
  const body = useRef<HTMLDivElement>(null);
  const saveDrawing = () => {
    const drawing = body.current?.querySelector("svg");
    if (drawing) download(`${file}.svg`, "image/svg+xml", svgText(drawing));
  };
  return (
    <Card component="section" aria-label={title} h="100%">
      <Stack gap="sm">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Stack gap={2}>
            <Group gap="xs">
              <Title order={2} size="h5">
                {title}
              </Title>
              {aside}
            </Group>
            <Text size="sm" c="dimmed">
              {caption}
            </Text>
          </Stack>
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label={`Download: ${title}`}>
                <Icon name="download" />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={saveDrawing}>Drawing (SVG)</Menu.Item>
              <Menu.Item onClick={() => download(`${file}.csv`, "text/csv", csvText(rows()))}>Data (CSV)</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </Group>
        <div ref={body}>{children}</div>
      </Stack>
    </Card>
  );
}
