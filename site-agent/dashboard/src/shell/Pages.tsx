import { Refused } from "@consilium/page/live/ask";
import { SignIn } from "@consilium/page/login/SignIn";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { runnable } from "@consilium/page/shell/command";
import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Answer, Empty } from "@consilium/page/shell/States";
import { InSurroundings } from "@consilium/page/shell/Surroundings";
import { Center, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Redirect, Route, Switch, useLocation } from "wouter";
import type { SessionView } from "../../../src/http/views.ts";
import { BudgetPage } from "../budget/BudgetPage.tsx";
import { DataPage } from "../data/DataPage.tsx";
import { LedgerPage } from "../ledger/LedgerPage.tsx";
import { api, Stranger } from "../live/api.ts";
import { useSession } from "../live/queries.ts";
import { RequestsPage } from "../requests/RequestsPage.tsx";
import { Frame } from "./Frame.tsx";
import { Outcome } from "./Outcome.tsx";

export function Pages() {
  const queries = useQueryClient();
  const dataFolder = () => queries.getQueryData<SessionView>(["session"])?.dataFolder;
  return (
    <InSurroundings
      runnable={(command) => runnable(command, { "consilium-site": dataFolder() })}
      whenSilent="Has the command ended? Start it again: consilium-site page"
    >
      <Switch>
        <Route path="/login">
          <LoginPage />
        </Route>
        <Route>
          <SignedIn />
        </Route>
      </Switch>
    </InSurroundings>
  );
}

function LoginPage() {
  const [, go] = useLocation();
  const queries = useQueryClient();
  return (
    <SignIn
      title="This hospital's own page"
      path="/login"
      login={api.login}
      onDone={() => {
        queries.clear();
        go("/", { replace: true });
      }}
    >
      <Text c="dimmed">
        The link works once, for one tab; in another, copy that tab. To sign in anew, end the command that printed the
        link with Ctrl-C, and start it again:
      </Text>
      <CommandLine command="consilium-site page" />
    </SignIn>
  );
}

/** Nothing else is shown: what stands on the page may be a stranger's, and it asks for passwords. */
function Strange({ error }: { readonly error: Stranger }) {
  return (
    <Center component="main" mih="100vh" p="md">
      <RefusalAlert error={error} />
    </Center>
  );
}

function SignedIn() {
  const session = useSession();
  if (session.error instanceof Stranger) return <Strange error={session.error} />;
  if (session.error instanceof Refused && session.error.status === 401) return <Redirect to="/login" />;
  return (
    <Answer query={session} height={400}>
      {(view) => (
        <Outcome>
          <Frame session={view}>
            <Switch>
              <Route path="/" component={BudgetPage} />
              <Route path="/requests" component={RequestsPage} />
              <Route path="/data" component={DataPage} />
              <Route path="/ledger" component={LedgerPage} />
              <Route>
                <Empty heading={1} title="There is no such page" command="consilium-site page">
                  Start from the budgets.
                </Empty>
              </Route>
            </Switch>
          </Frame>
        </Outcome>
      )}
    </Answer>
  );
}
