import { SignIn } from "@consilium/page/login/SignIn";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { api } from "../live/api.ts";

export function LoginPage() {
  const [, go] = useLocation();
  const queries = useQueryClient();
  return (
    <SignIn
      title="Sign in to Consilium"
      path="/login"
      login={api.login}
      onDone={(session) => {
        queries.setQueryData(["session"], session);
        go("/", { replace: true });
      }}
    >
      <Text c="dimmed">
        There are no passwords here: whoever runs the coordinator gives you a link that works once. Make one there with:
      </Text>
      <CommandLine command="consilium account invite NAME --role observer" />
    </SignIn>
  );
}
