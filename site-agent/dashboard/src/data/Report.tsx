import { instantText } from "@consilium/page/figures/format";
import { State } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Group, Stack, Text, Title } from "@mantine/core";
import type { DatasetView } from "../../../src/http/views.ts";

type Kept = NonNullable<DatasetView["report"]>;

/** The last report: how the data meet the study, and what noise would make of them. */
export function Report({ report, registered }: { readonly report: Kept; readonly registered: string | null }) {
  const { study, madeAt, content, records, patients, parts, clips } = report;
  return (
    <Stack gap="md" component="section" aria-label={`Report through ${study}`}>
      <Text className="figure">
        Through {study}, {instantText(madeAt)}: {records} records of {patients} patients, {parts.train} train,{" "}
        {parts.validation} validation, {parts.audit} audit hold-out
        {parts.reference === 0 ? "" : `, ${parts.reference} reference`}.
      </Text>
      {content !== registered && (
        <Text>
          <State tone="warn">changed</State> The files are not those that were registered.
        </Text>
      )}
      <Violations report={report} />
      <Columns report={report} />
      {clips !== null && (
        <Text size="sm" c="dimmed" className="figure">
          Clips: L1 ≤ {clips.l1Bound.toPrecision(3)}, L2 ≤ {clips.l2Bound.toPrecision(3)},{" "}
          {clips.from === "given"
            ? "as they were given."
            : "for these drawings alone 95 % of the records keep within them: what is declared must be public knowledge."}
        </Text>
      )}
      <Plots report={report} />
      <Pictures report={report} />
    </Stack>
  );
}

function Violations({ report: { violations } }: { readonly report: Kept }) {
  if (violations.length === 0) return <State tone="good">the data meet the contract</State>;
  return (
    <WideTable
      minWidth={640}
      columns={["Column", "Count", "What", "What to do"]}
      long={["What", "What to do"]}
      rows={violations.map(({ severity, column, count, what, remedy }) => ({
        key: `${severity} ${column} ${what}`,
        cells: [column ?? "all", count, `${severity}: ${what}`, remedy],
      }))}
    />
  );
}

function Columns({ report: { columns, columnCount } }: { readonly report: Kept }) {
  return (
    <Stack gap="xs">
      <Title order={4} size="h6">
        Missing and clipped
      </Title>
      {columnCount > columns.length && (
        <Text size="sm" c="dimmed" className="figure">
          Of {columnCount} columns the {columns.length} with most amiss.
        </Text>
      )}
      <WideTable
        minWidth={560}
        columns={["Name", "Public range", "Missing", "Clipped", "Unusable"]}
        rows={columns.map(({ name, range, missing, clipped, unusable }) => ({
          key: name,
          cells: [name, range, missing, clipped, unusable],
        }))}
      />
    </Stack>
  );
}

function Plots({ report: { plots } }: { readonly report: Kept }) {
  return plots.map(({ title, svg }) => (
    <Stack key={title} gap="xs">
      <Title order={4} size="h6">
        {title}
      </Title>
      <img
        src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`}
        alt={title}
        style={{ width: "100%", maxWidth: 760, height: "auto" }}
      />
    </Stack>
  ));
}

function Pictures({ report: { pictures } }: { readonly report: Kept }) {
  if (pictures.length === 0) return null;
  return (
    <Stack gap="xs">
      <Title order={4} size="h6">
        Pictures before and after noise on each pixel
      </Title>
      {pictures.map((row) => (
        <Group key={row[0]?.source} gap="md" align="flex-start">
          {row.map(({ name, source }) => (
            <figure key={name} style={{ margin: 0 }}>
              <img src={source} alt={name} style={{ width: 144, imageRendering: "pixelated", display: "block" }} />
              <Text component="figcaption" size="xs" c="dimmed" maw={144}>
                {name}
              </Text>
            </figure>
          ))}
        </Group>
      ))}
    </Stack>
  );
}
