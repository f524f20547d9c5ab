import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Why } from "@consilium/page/why/Why";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { SharedPatients } from "../../../src/http/budgetViews.ts";
import type { OverlapView } from "../../../src/http/spendingViews.ts";

/** Which sites share patients, as studies declare, and what one at all of them has paid; nothing where none do. */
export function Overlap({ shared }: { readonly shared: readonly SharedPatients[] }) {
  if (shared.length === 0) return null;
  return (
    <Card component="section" aria-label="Patients at several sites">
      <Stack gap="sm">
        <Group gap="xs">
          <Title order={2} size="h5">
            Patients at several sites
          </Title>
          <Why of="shared" />
        </Group>
        <WideTable
          minWidth={560}
          columns={["Sites that share patients", "ε of a patient at all of them", "δ", "Declared by"]}
          long={["Sites that share patients", "Declared by"]}
          rows={shared.map(({ sites, declaredBy, delta, epsilon }) => ({
            key: `${sites.join(" ")} ${delta}`,
            cells: [sites.join(" + "), epsilonText(epsilon), deltaText(delta), declaredBy.join(", ")],
          }))}
        />
      </Stack>
    </Card>
  );
}

interface OverlapCostsProps {
  readonly overlap: readonly OverlapView[];
  readonly delta: number;
}

/** The same of one study: what it would come to for such a patient. */
export function OverlapCosts({ overlap, delta }: OverlapCostsProps) {
  if (overlap.length === 0) return null;
  return (
    <Stack gap={4} component="section" aria-label="Patients at several sites">
      {overlap.map(({ sites, before, after }) => (
        <Group key={sites.join(" ")} gap="xs">
          <Text size="sm" className="figure">
            {sites.join(" and ")} share patients. One at {sites.length === 2 ? "both" : "all of them"} pays ε ={" "}
            {epsilonText(before)} over all studies{after === null ? " so far" : ` now, ${epsilonText(after)} with it`},
            at δ = {deltaText(delta)}.
          </Text>
          <Why of="shared" />
        </Group>
      ))}
    </Stack>
  );
}
