import { agoText, durationText, instantText } from "@consilium/page/figures/format";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty, State } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Card, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { SiteView } from "../../../src/http/views.ts";
import { useSites } from "../live/queries.ts";
import { useNow } from "../shell/LiveDot.tsx";

/** Every site of the consortium: is it there, who is it, does it keep up. */
export function SitesPage() {
  const sites = useSites();
  return (
    <Stack gap="lg">
      <PageHead
        title="Sites"
        lead="Each is known by the key that it made itself; people at both ends compare the ten words once."
        command="consilium ca list"
      />
      <Answer query={sites} height={320}>
        {(view) =>
          view.sites.length === 0 ? (
            <Empty title="No site yet" command="consilium ca invite SITE">
              An invitation is a token for one site, good once and for 24 hours. At the hospital it becomes a
              certificate with: consilium-site join TOKEN
            </Empty>
          ) : (
            <SitesTable sites={view.sites} />
          )
        }
      </Answer>
    </Stack>
  );
}

function SitesTable({ sites }: { readonly sites: readonly SiteView[] }) {
  const now = useNow(1000);
  return (
    <Card component="section" aria-label="Sites of the consortium">
      <WideTable
        minWidth={860}
        columns={["Site", "State", "Last event", "Certificate ends", "Rounds in time", "Backend", "Version"]}
        rows={sites.map((site) => ({ key: site.name, cells: cellsOf(site, now) }))}
      />
    </Card>
  );
}

function cellsOf(site: SiteView, now: number): ReactNode[] {
  return [
    <div key="name">
      <Text size="sm" fw={600}>
        {site.name}
      </Text>
      <Text size="xs" c="dimmed" maw={260} className="wraps">
        {site.fingerprint}
      </Text>
    </div>,
    stateOf(site),
    site.lastEventAt === null ? "never" : agoText(Date.parse(site.lastEventAt), now),
    certificateWords(site.certificateEndsAt, now),
    site.roundsAsked === 0 ? "none asked" : `${site.roundsAnswered} of ${site.roundsAsked}`,
    site.backend ?? "not published",
    site.version ?? "not published",
  ];
}

function stateOf({ standing, connected }: SiteView) {
  if (standing !== "enrolled") return <State tone="bad">{standing}</State>;
  return connected ? <State tone="good">connected</State> : <State tone="warn">away</State>;
}

function certificateWords(endsAt: string | null, now: number): string {
  if (endsAt === null) return "none yet";
  const left = Date.parse(endsAt) - now;
  return left < 0 ? `ended ${instantText(endsAt)}` : `in ${durationText(left)}`;
}
