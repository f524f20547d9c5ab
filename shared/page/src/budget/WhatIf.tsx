import { Card, Stack, Text } from "@mantine/core";
import { deltaText, epsilonText } from "../figures/format.ts";
import { State } from "../shell/States.tsx";
import { WideTable } from "../shell/WideTable.tsx";
import { CapBars } from "./CapBars.tsx";

/** One data set before and after a study that hasn't begun. */
export interface WhatIfRow {
  readonly key: string;
  readonly name: string;
  readonly beside: string;
  readonly cap: number;
  readonly delta: number;
  readonly before: number;
  readonly after: number;
  readonly left: number;
  readonly fits: boolean;
  /** The first limit that it would pass, in words. */
  readonly refusedBy: string | null;
  readonly affordableRounds: number;
}

interface WhatIfProps {
  readonly study: string;
  readonly rounds: number;
  /** What the first column is called. */
  readonly of: string;
  readonly rows: readonly WhatIfRow[];
}

/** What a study's plan would add to each budget; nothing is charged by looking. */
export function WhatIf({ study, rounds, of, rows }: WhatIfProps) {
  return (
    <Stack gap="sm">
      <CapBars
        title={`If all of ${study} were done`}
        caption={`ε now, and hatched what its ${rounds} rounds, evaluations and audit would add; line: cap.`}
        file={`${study}-what-if`}
        of={of}
        legend={["now", "with the study"]}
        none="No data set with a cap is known at its sites yet."
        bars={rows.map(({ before, after, ...row }) => ({ ...row, epsilon: before, more: Math.max(0, after - before) }))}
      />
      {rows.length > 0 && (
        <Card component="section" aria-label="What if, in figures">
          <WideTable
            minWidth={660}
            columns={[of, "Data set", "ε now", "ε then", "Cap", "Left then", "δ", "Fits"]}
            long={["Fits"]}
            rows={rows.map(({ key, name, beside, before, after, cap, left, delta, ...row }) => ({
              key,
              cells: [
                name,
                beside,
                epsilonText(before),
                epsilonText(after),
                epsilonText(cap),
                leftText(left),
                deltaText(delta),
                <Fits key="fits" rounds={rounds} {...row} />,
              ],
            }))}
          />
        </Card>
      )}
    </Stack>
  );
}

type FitsProps = Pick<WhatIfRow, "fits" | "refusedBy" | "affordableRounds"> & { readonly rounds: number };

function Fits({ fits, refusedBy, affordableRounds, rounds }: FitsProps) {
  return (
    <>
      <State tone={fits ? "good" : "bad"}>{fits ? "fits" : `${affordableRounds} of ${rounds} rounds`}</State>
      {refusedBy !== null && (
        <Text size="xs" c="dimmed">
          would pass {refusedBy}
        </Text>
      )}
    </>
  );
}

/** Down: nobody reads more than there is. */
export function leftText(left: number): string {
  return (Math.floor(left * 100 + 1e-9) / 100).toFixed(2);
}
