import { Card, Center, Group, Loader, Stack, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { usePageTitle } from "../shell/pageTitle.ts";
import { RefusalAlert } from "../shell/RefusalAlert.tsx";

interface SignInProps<Session> {
  readonly title: string;
  /** The path of this page, without what is after `#`. */
  readonly path: string;
  readonly login: (token: string) => Promise<Session>;
  readonly onDone: (session: Session) => void;
  /** How to get a link. */
  readonly children: ReactNode;
}

/** Trades the token after `#` for a session. A browser never sends that part of an address anywhere. */
export function SignIn<Session>({ title, path, login, onDone, children }: SignInProps<Session>) {
  usePageTitle("Sign in");
  const { mutate, error } = useMutation({ mutationFn: login, onSuccess: onDone });
  const token = useRef(window.location.hash.slice(1));
  const sent = useRef(false);
  useEffect(() => {
    if (token.current === "" || sent.current) return;
    sent.current = true;
    // Out of the history before anything else: the address must not be worth copying.
    window.history.replaceState(null, "", path);
    mutate(token.current);
  }, [mutate, path]);
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
              {title}
            </Title>
          </Group>
          {token.current !== "" && error === null ? (
            <Loader aria-label="Signing in" />
          ) : (
            <>
              {error !== null && <RefusalAlert error={error} />}
              {children}
            </>
          )}
        </Stack>
      </Card>
    </Center>
  );
}
