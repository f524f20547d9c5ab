import { Icon } from "@consilium/page/shell/Icon";
import { SchemeSwitch } from "@consilium/page/shell/SchemeSwitch";
import { State } from "@consilium/page/shell/States";
import { ActionIcon, AppShell, Box, Container, Group, NavLink, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import type { SessionView } from "../../../src/http/views.ts";
import { api } from "../live/api.ts";

const PAGES = [
  { label: "Budgets", icon: "budget", path: "/" },
  { label: "Requests", icon: "requests", path: "/requests" },
  { label: "Data", icon: "overview", path: "/data" },
  { label: "Ledger", icon: "audit", path: "/ledger" },
] as const;

/** What every page has around it: whose it is, whether the agent runs, where else one can go. */
export function Frame({ session, children }: { readonly session: SessionView; readonly children: ReactNode }) {
  const [location] = useLocation();
  return (
    <AppShell header={{ height: 104 }} padding={{ base: "md", md: "xl" }}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <AppShell.Header bg="var(--surface)">
        <Group h={56} px="md" gap="xs" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <img src="/icon.svg" alt="" width={28} height={28} />
            <Text fw={700} size="lg" truncate>
              {session.site}
            </Text>
            <Text c="dimmed" visibleFrom="sm">
              steward {session.steward} · this machine alone
            </Text>
          </Group>
          <Group gap="xs" wrap="nowrap" flex="none">
            <State tone={session.isAgentRunning ? "good" : "warn"}>
              {session.isAgentRunning ? "agent runs" : "agent stopped"}
            </State>
            <SchemeSwitch />
            <SignOut />
          </Group>
        </Group>
        <Group component="nav" aria-label="Pages" gap={4} px="md" wrap="nowrap">
          {PAGES.map(({ label, icon, path }) => (
            <NavLink
              key={path}
              component={Link}
              href={path}
              label={label}
              // A telephone has room for the words alone.
              leftSection={
                <Box component="span" visibleFrom="xs">
                  <Icon name={icon} />
                </Box>
              }
              active={location === path}
              aria-current={location === path ? "page" : undefined}
              variant="light"
              w="auto"
              styles={{ root: { borderRadius: 8 } }}
            />
          ))}
        </Group>
      </AppShell.Header>
      <AppShell.Main id="content">
        <Container size="xl" px={0}>
          {children}
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

/** For good: the link is used. Whoever sits down here next sees nothing. */
function SignOut() {
  const leave = async () => {
    await api.logout();
    window.location.assign("/login");
  };
  return (
    <ActionIcon variant="default" size="lg" aria-label="Sign out" onClick={leave}>
      <Icon name="leave" />
    </ActionIcon>
  );
}
