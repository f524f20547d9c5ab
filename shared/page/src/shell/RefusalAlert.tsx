import { Alert } from "@mantine/core";
import { Refused } from "../live/ask.ts";
import { useSurroundings } from "./Surroundings.tsx";

/** What was refused, and what to do about it. */
export function RefusalAlert({ error }: { readonly error: Error }) {
  const { whenSilent } = useSurroundings();
  return (
    <Alert
      color="red"
      variant="outline"
      title={<span style={{ color: "var(--bad)" }}>{error.message}</span>}
      role="alert"
    >
      {error instanceof Refused ? error.remedy : whenSilent}
    </Alert>
  );
}
