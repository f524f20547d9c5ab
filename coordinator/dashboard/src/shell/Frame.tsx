import { Icon } from "@consilium/page/shell/Icon";
import { SchemeSwitch } from "@consilium/page/shell/SchemeSwitch";
import { Anchor, AppShell, Burger, Group, NavLink, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import type { SessionView } from "../../../src/http/views.ts";
import { api } from "../live/api.ts";
import { carrying, useCurrentStudy } from "./currentStudy.ts";
import { LiveDot } from "./LiveDot.tsx";
import { StudySwitcher } from "./StudySwitcher.tsx";

interface FrameProps {
  readonly session: SessionView;
  readonly children: ReactNode;
}

/** What every page has around it: where one is, who one is, whether it is live. */
export function Frame({ session, children }: FrameProps) {
  const [open, { toggle, close }] = useDisclosure(false);
  const navbar = { width: 230, breakpoint: "md", collapsed: { mobile: !open } };
  return (
    <AppShell header={{ height: 60 }} navbar={navbar} padding={{ base: "md", md: "xl" }}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <AppShell.Header bg="var(--surface)">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="md" size="sm" aria-label="Pages" aria-expanded={open} />
            <img src="/icon.svg" alt="" width={28} height={28} />
            <Text fw={700} size="lg" visibleFrom="xs">
              Consilium
            </Text>
            <Text c="dimmed" visibleFrom="lg">
              {session.consortium}
            </Text>
          </Group>
          <Group gap="md" wrap="nowrap">
            <LiveDot />
            <StudySwitcher />
            <SchemeSwitch />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" bg="var(--surface)">
        <Pages onChoose={close} />
        <Stack gap={2} mt="auto" p="sm">
          <Text size="sm" fw={600}>
            {session.name}
          </Text>
          <Text size="sm" c="dimmed">
            {session.role} · version {session.version}
          </Text>
          <SignOut />
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="content">{children}</AppShell.Main>
    </AppShell>
  );
}

function Pages({ onChoose }: { readonly onChoose: () => void }) {
  const [location] = useLocation();
  const study = useCurrentStudy();
  const pages = [
    { label: "Overview", icon: "overview", path: study === null ? "/" : `/studies/${study}`, carries: false },
    {
      label: "Audit and release",
      icon: "audit",
      path: study === null ? "/audit" : `/studies/${study}/audit`,
      carries: false,
    },
    { label: "Sites", icon: "sites", path: "/sites", carries: true },
    { label: "Budget and ledger", icon: "budget", path: "/budget", carries: true },
    { label: "Requests", icon: "requests", path: "/requests", carries: true },
    { label: "Plan", icon: "plan", path: "/plan", carries: true },
  ] as const;
  return (
    <nav aria-label="Pages">
      {pages.map(({ label, icon, path, carries }) => {
        const here = location === path || (label === "Overview" && location === "/");
        return (
          <NavLink
            key={label}
            component={Link}
            href={carries ? carrying(path, study) : path}
            label={label}
            leftSection={<Icon name={icon} />}
            active={here}
            aria-current={here ? "page" : undefined}
            onClick={onChoose}
            variant="light"
            styles={{ root: { borderRadius: 8 } }}
          />
        );
      })}
    </nav>
  );
}

function SignOut() {
  const leave = async () => {
    await api.logout();
    window.location.assign("/login");
  };
  return (
    <Anchor component="button" type="button" size="sm" onClick={leave} ta="left">
      Sign out
    </Anchor>
  );
}
