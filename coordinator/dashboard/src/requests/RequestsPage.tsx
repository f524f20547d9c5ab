import { useFilters } from "@consilium/page/shell/filters";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { Group, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import type { RequestView } from "../../../src/http/spendingViews.ts";
import { useRequests } from "../live/queries.ts";
import { RequestCard } from "./RequestCard.tsx";

/** Who asks which hospital for what, and what each answered. */
export function RequestsPage() {
  const requests = useRequests();
  return (
    <Stack gap="lg">
      <PageHead
        title="Requests"
        lead="A study asks each hospital for a share of its budget; the hospital's steward alone answers, at the hospital."
        command="consilium study list"
      />
      <Answer query={requests} height={320}>
        {({ requests: all }) =>
          all.length === 0 ? (
            <Empty title="Nobody asks for anything yet" command="consilium study propose study.yaml">
              A study that is proposed appears here with what it asks of each hospital and what each answers.
            </Empty>
          ) : (
            <Requests all={all} />
          )
        }
      </Answer>
    </Stack>
  );
}

const OPEN: readonly string[] = ["draft", "proposed", "approved"];

function Requests({ all }: { readonly all: readonly RequestView[] }) {
  const [{ show = "all", site }, change] = useFilters(["show", "site"]);
  const sites = [...new Set(all.flatMap(({ sites }) => sites.map((one) => one.site)))].sort();
  const shown = all.filter(
    (request) =>
      (show !== "open" || OPEN.includes(request.state)) &&
      (site === undefined || request.sites.some((one) => one.site === site)),
  );
  return (
    <>
      <Group align="flex-end" gap="md">
        <SegmentedControl
          aria-label="Which requests"
          data={[
            { value: "all", label: "All" },
            { value: "open", label: "Not begun" },
          ]}
          value={show}
          onChange={(value) => change({ show: value === "all" ? null : value })}
        />
        <Select
          label="Hospital"
          data={[{ value: "", label: "All hospitals" }, ...sites]}
          value={site ?? ""}
          onChange={(value) => change({ site: value === null || value === "" ? null : value })}
          allowDeselect={false}
          w={{ base: "100%", xs: 220 }}
        />
      </Group>
      {shown.length === 0 && <Text c="dimmed">No request fits these filters.</Text>}
      {shown.map((request) => (
        <RequestCard key={request.study} request={request} site={site} />
      ))}
    </>
  );
}
