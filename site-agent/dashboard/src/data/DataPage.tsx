import { instantText, shortDigest } from "@consilium/page/figures/format";
import { EntryTable } from "@consilium/page/ledger/EntryTable";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty, State } from "@consilium/page/shell/States";
import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { DatasetView } from "../../../src/http/views.ts";
import { useData } from "../live/queries.ts";
import { MakeReport } from "./MakeReport.tsx";
import { Report } from "./Report.tsx";

/** What is registered here, what was made of it, and what its last report shows. */
export function DataPage() {
  const data = useData();
  return (
    <Stack gap="lg">
      <PageHead
        title="Data"
        lead="Exact figures of patients' records, made at this site and not noised: nothing of this page is ever sent."
        command="consilium-site data list"
      />
      <Answer query={data} height={320}>
        {({ datasets, studies }) =>
          datasets.length === 0 ? (
            <Empty title="No data set yet" command="consilium-site data register NAME PATH">
              A data set is a file, or a file that says where records lie and how they are read.
            </Empty>
          ) : (
            datasets.map((one) => <Dataset key={one.dataset} view={one} studies={studies} />)
          )
        }
      </Answer>
    </Stack>
  );
}

function Dataset({ view, studies }: { readonly view: DatasetView; readonly studies: readonly string[] }) {
  const { dataset, frozen, sanitizings, report } = view;
  return (
    <Card component="section" aria-label={dataset}>
      <Stack gap="md">
        <Group gap="sm">
          <Title order={2} size="h4">
            {dataset}
          </Title>
          {frozen && <State tone="warn">frozen</State>}
        </Group>
        <About view={view} />
        <Title order={3} size="h5">
          Sanitized from it
        </Title>
        {sanitizings.length === 0 ? <Text c="dimmed">Nothing.</Text> : <EntryTable entries={sanitizings} />}
        <Title order={3} size="h5">
          The last report
        </Title>
        {report === null && <Text c="dimmed">None yet: it reads the data once through a study's contract.</Text>}
        <MakeReport dataset={dataset} studies={studies} last={report?.study ?? null} />
        {report !== null && <Report report={report} registered={view.content} />}
      </Stack>
    </Card>
  );
}

const MIB = 2 ** 20;

function About({ view: { source, path, registeredAt, content, kept } }: { readonly view: DatasetView }) {
  return (
    <Stack gap={4}>
      <Text size="sm">
        {source ?? "can't be read now"}, <span className="hash">{path}</span>
      </Text>
      <Text size="sm" c="dimmed">
        Registered {instantText(registeredAt)}.{" "}
        {content === null ? (
          "Of a database no content is recorded."
        ) : (
          <>
            Content <span className="hash">{shortDigest(content)}</span>.
          </>
        )}
      </Text>
      {kept.files > 0 && (
        <Text size="sm" c="dimmed" className="figure">
          Decoded pictures of {kept.files} files are kept, {Math.ceil(kept.bytes / MIB)} MiB.
        </Text>
      )}
    </Stack>
  );
}
