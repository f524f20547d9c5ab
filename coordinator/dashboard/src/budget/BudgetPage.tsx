import { CapTable } from "@consilium/page/budget/CapTable";
import { Notices } from "@consilium/page/budget/Notices";
import { epsilonText } from "@consilium/page/figures/format";
import { PageHead } from "@consilium/page/shell/PageHead";
import { Answer, Empty } from "@consilium/page/shell/States";
import { WideTable } from "@consilium/page/shell/WideTable";
import { Card, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { BudgetList, BudgetView } from "../../../src/http/budgetViews.ts";
import { useBudgets, useNotices } from "../live/queries.ts";
import { BudgetBars } from "../overview/BudgetBars.tsx";
import { Glance } from "./Glance.tsx";
import { Ledger } from "./Ledger.tsx";
import { Overlap } from "./Overlap.tsx";
import { Spending } from "./Spending.tsx";
import { StudyWhatIf } from "./StudyWhatIf.tsx";

/** What each data set has paid over all studies, what would come, under which caps, and the ledger that proves it. */
export function BudgetPage() {
  const budgets = useBudgets();
  return (
    <Stack gap="lg">
      <PageHead
        title="Budget and ledger"
        lead="A charge is booked before a sample is drawn. Each site has its own ledger and stops when they disagree."
        command="consilium budget show"
      />
      <Answer query={budgets} height={280}>
        {(view) =>
          view.budgets.length === 0 ? (
            <Empty title="No budget yet" command="consilium-site budget cap DATASET --epsilon 4 --delta 1e-4">
              A data set appears here once its steward approved a study for it. The cap is the steward's alone; this is
              how it is set at the site.
            </Empty>
          ) : (
            <Spent view={view} />
          )
        }
      </Answer>
      <Place id="what-if">
        <StudyWhatIf />
      </Place>
      <Answer query={budgets} height={280}>
        {(view) => (view.budgets.length === 0 ? null : <Limits budgets={view.budgets} />)}
      </Answer>
      <Place id="ledger">
        <Ledger />
      </Place>
    </Stack>
  );
}

/** Where a figure at the page's top leads to. */
function Place({ id, children }: { readonly id: string; readonly children: ReactNode }) {
  return (
    <div id={id} className="place">
      {children}
    </div>
  );
}

function Spent({ view: { budgets, shared } }: { readonly view: BudgetList }) {
  return (
    <>
      <Glance budgets={budgets} />
      <BudgetBars budgets={budgets} file="consortium-epsilon" none="" />
      <Overlap shared={shared} />
      <Place id="notices">
        <Told />
      </Place>
      <Spending budgets={budgets} />
    </>
  );
}

function Told() {
  const notices = useNotices();
  return <Answer query={notices}>{(view) => <Notices notices={view.notices} names="site" />}</Answer>;
}

const AS_SIGNED =
  "Each as of the last approval that its steward signed; a lower one set since holds at the site at once and is told " +
  "with the next approval.";

function Limits({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  return (
    <Stack gap="lg">
      <Place id="caps">
        <CapTable
          of="Site"
          note={AS_SIGNED}
          caps={budgets.flatMap(({ site, caps, capAsOf }) => caps.map((cap) => ({ name: site, cap, asOf: capAsOf })))}
        />
      </Place>
      <Parts budgets={budgets} />
    </Stack>
  );
}

const PARTS = ["train", "validation", "audit", "reference"] as const;

function Parts({ budgets }: { readonly budgets: readonly BudgetView[] }) {
  return (
    <Card component="section" aria-label="Parts">
      <Stack gap="sm">
        <Title order={2} size="h5">
          Parts of each data set
        </Title>
        <Text size="sm" c="dimmed">
          ε spent, and what open reservations would add. A patient is in one part alone, so parts never add.
        </Text>
        <WideTable
          minWidth={640}
          columns={["Site", "Data set", "Training", "Validation", "Audit", "Reference", "Cap on each study"]}
          rows={budgets.map(({ site, dataset, parts, perStudyCap }) => ({
            key: `${site} ${dataset}`,
            cells: [
              site,
              dataset,
              ...PARTS.map((name) => partText(parts.find(({ part }) => part === name))),
              perStudyCap === null ? "none" : epsilonText(perStudyCap),
            ],
          }))}
        />
      </Stack>
    </Card>
  );
}

function partText(part: BudgetView["parts"][number] | undefined): string {
  if (part === undefined) return "";
  const { spentEpsilon, reservedEpsilon } = part;
  return reservedEpsilon === 0
    ? epsilonText(spentEpsilon)
    : `${epsilonText(spentEpsilon)} + ${epsilonText(reservedEpsilon)}`;
}
