import { WhatIf } from "@consilium/page/budget/WhatIf";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { useFilters } from "@consilium/page/shell/filters";
import { Answer } from "@consilium/page/shell/States";
import { Anchor, Card, Select, Stack, Text, Title } from "@mantine/core";
import { Link } from "wouter";
import { useWhatIf } from "../live/queries.ts";
import { OverlapCosts } from "./Overlap.tsx";
import { useWaitingStudies } from "./waiting.ts";

/** What a study that waits would take of what is left; one that has begun is in the pictures above already. */
export function StudyWhatIf() {
  const [{ plan }, change] = useFilters(["plan"]);
  const waiting = useWaitingStudies();
  const chosen = waiting.find(({ name }) => name === plan) ?? waiting[0];
  return (
    <Stack gap="md" component="section" aria-label="What if">
      <Title order={2} size="h4">
        What would a study cost?
      </Title>
      {chosen === undefined ? (
        <Card>
          <Stack gap="sm" align="flex-start">
            <Text c="dimmed">
              No study waits to begin.{" "}
              <Anchor component={Link} href="/plan">
                Plan
              </Anchor>{" "}
              works out the cost of a study file as you type; a file is held against these budgets by:
            </Text>
            <CommandLine command="consilium budget what-if study.yaml" />
          </Stack>
        </Card>
      ) : (
        <>
          <Select
            label="Study that waits"
            data={waiting.map(({ name, state }) => ({ value: name, label: `${name} (${state})` }))}
            value={chosen.name}
            onChange={(value) => value !== null && change({ plan: value })}
            allowDeselect={false}
            w={{ base: "100%", xs: 320 }}
          />
          <Costs study={chosen.name} />
        </>
      )}
    </Stack>
  );
}

function Costs({ study }: { readonly study: string }) {
  const answer = useWhatIf(study);
  return (
    <Answer query={answer} height={240}>
      {(view) => (
        <Stack gap="sm">
          <WhatIf
            study={view.study}
            rounds={view.rounds}
            of="Site"
            rows={view.budgets.map((row) => ({
              ...row,
              key: `${row.site} ${row.dataset}`,
              name: row.site,
              beside: row.dataset,
            }))}
          />
          <OverlapCosts overlap={view.overlap} delta={view.delta} />
        </Stack>
      )}
    </Answer>
  );
}
