import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../live/api.ts";

interface MakeReportProps {
  readonly dataset: string;
  readonly studies: readonly string[];
  /** Of the last report. */
  readonly last: string | null;
}

/** Looks at the data through a study's contract, on this machine; of large data that takes a while. */
export function MakeReport({ dataset, studies, last }: MakeReportProps) {
  const queries = useQueryClient();
  const [chosen, setChosen] = useState(last !== null && studies.includes(last) ? last : (studies[0] ?? null));
  const { mutate, error, isPending } = useMutation({
    mutationFn: (study: string) => api.report(study, dataset),
    onSettled: () => queries.invalidateQueries({ queryKey: ["data"] }),
  });
  if (chosen === null) return <Text c="dimmed">No study was proposed to this site: a report needs a contract.</Text>;
  return (
    <Stack gap="xs">
      <Group align="flex-end" gap="sm">
        <Select
          label={`Study to look at ${dataset} through`}
          data={[...studies]}
          value={chosen}
          onChange={setChosen}
          allowDeselect={false}
        />
        <Button variant="default" loading={isPending} onClick={() => mutate(chosen)}>
          Make the report
        </Button>
      </Group>
      {error !== null && <RefusalAlert error={error} />}
    </Stack>
  );
}
