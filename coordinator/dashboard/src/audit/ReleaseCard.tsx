import { instantText } from "@consilium/page/figures/format";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { State, type Tone } from "@consilium/page/shell/States";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { AuditView, ReleaseView } from "../../../src/http/views.ts";
import { useReleases } from "../live/queries.ts";

/** What became of the model: who signed its release and who would not, what is missing, and how anyone checks it. */
export function ReleaseCard({ audit }: { readonly audit: AuditView }) {
  const releases = useReleases();
  const release = releases.data?.releases.find(({ study }) => study === audit.report.study);
  return (
    <Card component="section" aria-label="Release" h="100%">
      <Stack gap="sm">
        <Group gap="sm">
          <Title order={2} size="h5">
            Release
          </Title>
          {release !== undefined && <State tone={TONE[release.state] ?? "calm"}>{release.state}</State>}
        </Group>
        {release === undefined ? <Withheld audit={audit} /> : <Written release={release} />}
      </Stack>
    </Card>
  );
}

const TONE: Readonly<Partial<Record<ReleaseView["state"], Tone>>> = {
  signing: "warn",
  released: "good",
  revoked: "bad",
  rejected: "bad",
};

function Withheld({ audit }: { readonly audit: AuditView }) {
  if (audit.gate.passed) return <Text c="dimmed">The gate let it pass; the release is being written.</Text>;
  return (
    <>
      <Text c="dimmed">Nothing was released: the gate refused the model.</Text>
      <Text size="sm">Where the study names auditors, one of them may override that, with a reason that stays:</Text>
      <CommandLine command={`consilium audit show ${audit.report.study} --json > audit.json`} />
    </>
  );
}

function Written({ release }: { readonly release: ReleaseView }) {
  const { study, path, manifest, releasedAt, signers, answers, override, revoked, state, missing } = release;
  const refusals = answers.flatMap(({ party, reason }) => (reason === null ? [] : [{ party, reason }]));
  return (
    <>
      {revoked !== null && (
        <Text fw={600}>
          Revoked {instantText(revoked.at)}: {revoked.reason}
        </Text>
      )}
      {override !== null && (
        <Text fw={600}>
          The gate refused it; auditor {override.auditor} overrode that: {override.reason}
        </Text>
      )}
      <Text size="sm">
        Written {instantText(releasedAt)}, signed by {signers.join(", ")}.
        {state === "signing" && ` ${missingWords(missing)}`}
      </Text>
      {refusals.map(({ party, reason }) => (
        <Text key={party} size="sm">
          {party} refused to sign: {reason}
        </Text>
      ))}
      <Text size="sm" c="dimmed">
        Manifest <span className="hash">{manifest}</span>
      </Text>
      {state === "signing" ? (
        <>
          <Text size="sm">
            Sites that are to sign are asked over their links. Who signs in hand, an auditor say, is sent the archive:
          </Text>
          <CommandLine command={`consilium release pack ${path} --to ${study}.tar`} />
          <CommandLine command="consilium release hand-in answer.json" />
        </>
      ) : (
        <>
          <Text size="sm">Anyone with the consortium's public key can check it offline:</Text>
          <CommandLine command={`consilium verify ${path} --key consortium.pub`} />
        </>
      )}
    </>
  );
}

/** What the study's rule still asks for. */
export function missingWords({ sites, auditors }: ReleaseView["missing"]): string {
  const counted = (count: number, what: string) => (count === 0 ? [] : [`${count} ${count === 1 ? what : `${what}s`}`]);
  const all = [...counted(sites, "site"), ...counted(auditors, "auditor")];
  return `Still to sign: ${all.join(" and ")}.`;
}
