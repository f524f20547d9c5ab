import type { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import { instantText } from "../figures/format.ts";
import { WideTable } from "../shell/WideTable.tsx";
import { addedText } from "./EpsilonPlot.tsx";

/** The same as the two pictures, in figures. */
export function SpentTable({ history }: { readonly history: EpsilonHistory }) {
  const groups = history.groups.map(({ study, purpose, charges, added, firstAt, lastAt }) => ({
    key: `${study} ${purpose}`,
    cells: [study, purpose, charges, addedText(added), instantText(firstAt), instantText(lastAt)],
  }));
  const all = [<b key="all">all, composed</b>, null, history.charges, addedText(history.epsilon), null, null];
  return (
    <WideTable
      minWidth={640}
      columns={["Study", "For", "Charges", "ε added", "First", "Last"]}
      rows={[...groups, { key: "all", cells: all }]}
    />
  );
}
