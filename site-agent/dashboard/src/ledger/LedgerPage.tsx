import { EntryTable } from "@consilium/page/ledger/EntryTable";
import { useFilters } from "@consilium/page/shell/filters";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer } from "@consilium/page/shell/States";
import { Button, Card, Group, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { useLedger } from "../live/queries.ts";

/** How long nobody typed before a search is made. */
const PAUSE_MS = 300;

/** This hospital's own ledger, newest first, to search in. */
export function LedgerPage() {
  const [{ find = "" }, change] = useFilters(["find"]);
  const [typed, setTyped] = useState(find);
  const [asked] = useDebouncedValue(typed, PAUSE_MS);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address follows what was typed, and nothing else.
  useEffect(() => {
    if (asked !== find) change({ find: asked === "" ? null : asked });
  }, [asked]);
  return (
    <Stack gap="lg">
      <PageHead
        title="Ledger"
        lead="Hash-chained, signed, only ever longer. What its entries prove is checked by the command."
        command="consilium-site budget verify"
      />
      <Card component="section" aria-label="Entries">
        <Stack gap="md">
          <TextInput
            label="Search"
            description="Words of an entry: a study, a charge, a kind such as cap-set, a day such as 2026-05-04."
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Entries find={asked} />
        </Stack>
      </Card>
    </Stack>
  );
}

function Entries({ find }: { readonly find: string }) {
  const ledger = useLedger(find);
  return (
    <Answer query={ledger} height={320}>
      {({ pages }) => (
        <>
          <Text size="sm" c="dimmed" role="status">
            {pages[0]?.found ?? 0} of {pages[0]?.all ?? 0} entries
          </Text>
          <EntryTable entries={pages.flatMap((page) => page.entries)} />
          {ledger.hasNextPage && (
            <Group>
              <Button variant="default" onClick={() => ledger.fetchNextPage()} loading={ledger.isFetchingNextPage}>
                Older entries
              </Button>
            </Group>
          )}
        </>
      )}
    </Answer>
  );
}
