import { EntryTable } from "@consilium/page/ledger/EntryTable";
import { CommandLine } from "@consilium/page/shell/CommandLine";
import { Answer, State } from "@consilium/page/shell/States";
import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import type { LedgerSummary } from "../../../src/http/views.ts";
import { useLedger, useLedgerEntries } from "../live/queries.ts";

/** The consortium's own ledger: its head, the heads it saw of others, its entries from the newest. */
export function Ledger() {
  const ledger = useLedger();
  return (
    <Card component="section" aria-label="Ledger">
      <Stack gap="md">
        <Answer query={ledger} height={90}>
          {(view) => <Head ledger={view} />}
        </Answer>
        <Entries />
      </Stack>
    </Card>
  );
}

function Head({ ledger }: { readonly ledger: LedgerSummary }) {
  const { head, witnessed, verified } = ledger;
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Group gap="sm">
          <Title order={2} size="h5">
            Ledger of the consortium
          </Title>
          <State tone={verified ? "good" : "bad"}>{verified ? "chain verified" : "chain broken"}</State>
        </Group>
        <CommandLine command="consilium budget verify" />
      </Group>
      <Text size="sm" c="dimmed">
        {head.sequence} entries; head <span className="hash">{head.hash}</span>
      </Text>
      {witnessed.length > 0 && (
        <Text size="sm" c="dimmed">
          Heads seen of the sites' own ledgers: {witnessed.map((h) => `${h.writer} ${h.sequence}`).join(", ")}
        </Text>
      )}
    </Stack>
  );
}

function Entries() {
  const entries = useLedgerEntries();
  return (
    <Answer query={entries} height={240}>
      {({ pages }) =>
        pages[0]?.entries.length === 0 ? (
          <Text c="dimmed">No entry yet: the first comes with a proposed study.</Text>
        ) : (
          <>
            <EntryTable entries={pages.flatMap((page) => page.entries)} />
            {entries.hasNextPage && (
              <Group>
                <Button variant="default" onClick={() => entries.fetchNextPage()} loading={entries.isFetchingNextPage}>
                  Older entries
                </Button>
              </Group>
            )}
          </>
        )
      }
    </Answer>
  );
}
