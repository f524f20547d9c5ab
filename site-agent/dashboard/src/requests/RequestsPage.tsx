import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { Stack } from "@mantine/core";
import { useRequests } from "../live/queries.ts";
import { Request } from "./Request.tsx";

/** What studies ask of this hospital: what each would cost, what would leave, and what was answered. */
export function RequestsPage() {
  const requests = useRequests();
  return (
    <Stack gap="lg">
      <PageHead
        title="Requests"
        lead="A study asks for a share of a budget. Its steward alone answers, for exactly the document that was proposed."
        command="consilium-site study list"
      />
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
