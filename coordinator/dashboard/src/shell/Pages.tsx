import { Refused } from "@consilium/page/live/ask";
import { runnable } from "@consilium/page/shell/command";
import { Answer, Empty } from "@consilium/page/shell/States";
import { InSurroundings } from "@consilium/page/shell/Surroundings";
import { Center, Loader } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Redirect, Route, Switch } from "wouter";
import type { SessionView } from "../../../src/http/views.ts";
import { AuditPage } from "../audit/AuditPage.tsx";
import { BudgetPage } from "../budget/BudgetPage.tsx";
import { notices } from "../live/notices.ts";
import { useSession } from "../live/queries.ts";
import { LoginPage } from "../login/LoginPage.tsx";
import { OverviewPage } from "../overview/OverviewPage.tsx";
import { PlanPage } from "../plan/PlanPage.tsx";
import { RequestsPage } from "../requests/RequestsPage.tsx";
import { SitesPage } from "../sites/SitesPage.tsx";
import { Frame } from "./Frame.tsx";

export function Pages() {
  const queries = useQueryClient();
  const dataFolder = () => queries.getQueryData<SessionView>(["session"])?.dataFolder;
  return (
    <InSurroundings
      runnable={(command) => runnable(command, { consilium: dataFolder() })}
      whenSilent="Is the coordinator running? See: consilium coordinator status --data DIR"
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

function SignedIn() {
  const session = useSession();
  const queries = useQueryClient();
  const signedIn = session.data !== undefined;
  useEffect(() => (signedIn ? notices.follow(queries) : undefined), [signedIn, queries]);
  if (session.error instanceof Refused && session.error.status === 401) return <Redirect to="/login" />;
  if (session.data === undefined && session.error === null) {
    return (
      <Center h="100vh">
        <Loader aria-label="Loading" />
      </Center>
    );
  }
  return (
    <Answer query={session}>
      {(view) => (
        <Frame session={view}>
          <Switch>
            <Route path="/">
              <OverviewPage />
            </Route>
            <Route path="/studies/:study">{({ study }) => <OverviewPage study={study} />}</Route>
            <Route path="/studies/:study/audit">{({ study }) => <AuditPage study={study} />}</Route>
            <Route path="/audit">
              <AuditPage />
            </Route>
            <Route path="/sites" component={SitesPage} />
            <Route path="/budget" component={BudgetPage} />
            <Route path="/requests" component={RequestsPage} />
            <Route path="/plan" component={PlanPage} />
            <Route>
              <Empty heading={1} title="There is no such page" command="consilium study list">
                The address may be from an older version. Start from the overview.
              </Empty>
            </Route>
          </Switch>
        </Frame>
      )}
    </Answer>
  );
}
