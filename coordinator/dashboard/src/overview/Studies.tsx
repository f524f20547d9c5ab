import { instantText } from "@consilium/page/figures/format";
import { Answer } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Anchor, Card, Stack, Title } from "@mantine/core";
import { Link } from "wouter";
import { useStudies } from "../live/queries.ts";
import { StudyStateBadge } from "../shell/StudyStateBadge.tsx";

export function Studies() {
  const studies = useStudies();
  return (
    <Card component="section" aria-label="All studies">
      <Stack gap="sm">
        <Title order={2} size="h5">
          All studies
        </Title>
        <Answer query={studies}>
          {(view) => (
            <WideTable
              minWidth={560}
              columns={["Study", "State", "Rounds committed", "Proposed"]}
              rows={view.studies.map(({ name, state, committedRounds, rounds, endedEarly, proposedAt }) => ({
                key: name,
                cells: [
                  <Anchor key="name" component={Link} href={`/studies/${name}`} size="sm">
                    {name}
                  </Anchor>,
                  <StudyStateBadge key="state" state={state} />,
                  `${committedRounds} of ${rounds}${endedEarly === null ? "" : ", ended early"}`,
                  instantText(proposedAt),
                ],
              }))}
            />
          )}
        </Answer>
      </Stack>
    </Card>
  );
}
