import { Anchor, Popover, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { REASONS, type ReasonName } from "./reasons.ts";

/** Stands beside a privacy figure: its formula, its accountant, what it assumes. */
export function Why({ of }: { readonly of: ReasonName }) {
  const [open, { toggle, close }] = useDisclosure(false);
  const reason = REASONS[of];
  return (
    <Popover opened={open} onDismiss={close} width={360} position="bottom" withArrow shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Anchor component="button" type="button" size="sm" onClick={toggle} aria-label={`Why? ${reason.title}`}>
          why?
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Title order={3} size="h6">
            {reason.title}
          </Title>
          {reason.lines.map(([name, words]) => (
            <Text size="sm" key={name}>
              <b>{name}:</b> {words}
            </Text>
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
