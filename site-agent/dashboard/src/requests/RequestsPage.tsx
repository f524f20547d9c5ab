import { PageHead } from "@consilium/page/shell/PageHead";
import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Answer, Empty } from "@consilium/page/shell/States";
import { Stack } from "@mantine/core";
import { useReleases, useRequests } from "../live/queries.ts";
import { Release } from "./Release.tsx";
import { Request } from "./Request.tsx";

/** What studies and releases ask of this hospital: what each would cost, what would leave, and what was answered. */
export function RequestsPage() {
  const requests = useRequests();
  const releases = useReleases();
  return (
    <Stack gap="lg">
      <PageHead
        title="Requests"
        lead="A study asks for a share of a budget, a release for this hospital's signature. A steward alone answers, for exactly what was shown."
        command="consilium-site study list"
      />
      {releases.data?.releases.map((view) => (
        <Release key={view.release.manifest} view={view} />
      ))}
      {releases.error !== null && <RefusalAlert error={releases.error} />}
      <Answer query={requests} height={320}>
        {({ requests: all }) =>
          all.length === 0 ? (
            <Empty title="Nobody asks for anything yet" command="consilium-site start">
              The agent hears of a proposed study as soon as it runs.
            </Empty>
          ) : (
            all.map((request) => <Request key={request.study.digest} request={request} />)
          )
        }
      </Answer>
    </Stack>
  );
}
