import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Button, Group, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { api } from "../live/api.ts";
import { SaidLines } from "../shell/Outcome.tsx";

/** Holds the registered data against the study, on this machine: what is amiss, and how each layer is clipped. */
export function CheckData({ study, dataset }: { readonly study: string; readonly dataset: string }) {
  const { mutate, data, error, isPending } = useMutation({ mutationFn: () => api.check(study, dataset) });
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="default" size="sm" loading={isPending} onClick={() => mutate()}>
          Check the data against it
        </Button>
      </Group>
      {error !== null && <RefusalAlert error={error} />}
      {data !== undefined && <SaidLines said={data} />}
    </Stack>
  );
}
