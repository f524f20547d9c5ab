import { Alert, Card, Center, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { api, Refused } from "../live/api.ts";
import { CommandLine } from "../shell/CommandLine.tsx";
import { usePageTitle } from "../shell/pageTitle.ts";

/** Trades the token after `#` for a session. A browser never sends that part of an address anywhere. */
export function LoginPage() {
  usePageTitle("Sign in");
  const [, go] = useLocation();
  const queries = useQueryClient();
  const { mutate, error } = useMutation({
    mutationFn: api.login,
    onSuccess: (session) => {
      queries.setQueryData(["session"], session);
      go("/", { replace: true });
    },
  });
  const token = useRef(window.location.hash.slice(1));
  const sent = useRef(false);
  useEffect(() => {
    if (token.current === "" || sent.current) return;
    sent.current = true;
    // Out of the history before anything else: the address must not be worth copying.
    window.history.replaceState(null, "", "/login");
    mutate(token.current);
  }, [mutate]);
  // A link pasted into this very page changes only what is after `#`, and the browser loads nothing.
  useEffect(() => {
    const again = () => window.location.reload();
    window.addEventListener("hashchange", again);
    return () => window.removeEventListener("hashchange", again);
  }, []);

  return (
    <Center component="main" mih="100vh" p="md">
      <Card w="100%" maw={480} padding="xl">
        <Stack>
          <Group gap="sm">
            <img src="/icon.svg" alt="" width={36} height={36} />
            <Title order={1} size="h3">
              Sign in to Consilium
            </Title>
          </Group>
          {token.current !== "" && error === null ? <Loader aria-label="Signing in" /> : <AskForLink error={error} />}
        </Stack>
      </Card>
    </Center>
  );
}

function AskForLink({ error }: { readonly error: Error | null }) {
  return (
    <>
      {error !== null && (
        <Alert
          color="red"
          variant="outline"
          title={<span style={{ color: "var(--bad)" }}>{error.message}</span>}
          role="alert"
        >
          {error instanceof Refused ? error.remedy : "Is the coordinator running?"}
        </Alert>
      )}
      <Text c="dimmed">
        There are no passwords here: whoever runs the coordinator gives you a link that works once. Make one there with:
      </Text>
      <CommandLine command="consilium account invite NAME --role observer" />
    </>
  );
}
