import { deltaText, epsilonText, instantText, intervalText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Card, Stack, Text, Title } from "@mantine/core";
import type { ReleaseView } from "../../../src/http/views.ts";
import { useReleases } from "../live/queries.ts";
import { StudyStateBadge } from "../shell/StudyStateBadge.tsx";
import { missingWords } from "./ReleaseCard.tsx";

/** Every release of the consortium, newest first: what each promises, how it came out, and whether it still stands. */
export function Registry() {
  const releases = useReleases().data?.releases ?? [];
  if (releases.length === 0) return null;
  return (
    <Card component="section" aria-label="All releases">
      <Stack gap="sm">
        <Title order={2} size="h5">
          All releases
        </Title>
        <Text size="sm" c="dimmed">
          A revoked one stays here, with its notice: consilium verify refuses it where the notice is at hand.
        </Text>
        <WideTable
          minWidth={1240}
          columns={["Study", "State", "Written", "ε", "Best attack's AUC", "Gate", "Signed by", "Note"]}
          long={["Signed by", "Note"]}
          rows={releases.map((release) => ({ key: release.study, cells: cellsOf(release) }))}
        />
      </Stack>
    </Card>
  );
}

function cellsOf(release: ReleaseView) {
  const { study, state, releasedAt, epsilon, delta, attackAuc, override, signers } = release;
  return [
    study,
    <StudyStateBadge key="state" state={state} />,
    instantText(releasedAt),
    epsilon === null ? "–" : `${epsilonText(epsilon)} at δ = ${deltaText(delta)}`,
    attackAuc === null ? "not resolvable" : intervalText(attackAuc),
    <State key="gate" tone={override === null ? "good" : "bad"}>
      {override === null ? "passed" : "overridden"}
    </State>,
    signers.join(", "),
    noteOf(release),
  ];
}

function noteOf({ revoked, override, state, missing }: ReleaseView): string {
  return [
    ...(revoked === null ? [] : [`Revoked: ${revoked.reason}`]),
    ...(override === null ? [] : [`Auditor ${override.auditor}: ${override.reason}`]),
    ...(state === "signing" ? [missingWords(missing)] : []),
  ].join(" ");
}
