import { Autocomplete, NumberInput, SegmentedControl, Select } from "@mantine/core";
import { useState } from "react";
import type { BudgetsView } from "../../../src/http/views.ts";
import { useRequests } from "../live/queries.ts";
import { type Cap, CapDecision, capName, EpsilonInput, typedNumber } from "./ChangeCap.tsx";

type Budget = BudgetsView["budgets"][number];

const KINDS = [
  { value: "study", label: "One study" },
  { value: "period", label: "A period" },
];
const PERIODS = [
  { value: "calendar-year", label: "a calendar year" },
  { value: "days", label: "so many days" },
];
const DAYS_MAX = 9999;

/** A cap for one study or for a period, beside the one over all studies. */
export function AddCap({ budget }: { readonly budget: Budget }) {
  const [kind, setKind] = useState("study");
  const [study, setStudy] = useState("");
  const [period, setPeriod] = useState("calendar-year");
  const [days, setDays] = useState<number | string>(365);
  const [epsilon, setEpsilon] = useState<number | string>("");
  const known = useRequests().data?.requests.map((request) => request.study.name) ?? [];
  const none = noneYet(kind, { study: study.trim(), period: period === "days" ? `${days}-days` : period });
  const from = budget.standing.find((cap) => none !== undefined && capName(cap) === capName(none)) ?? none;
  const typed = typedNumber(epsilon);
  const to = none === undefined || typed === undefined ? undefined : { ...none, epsilon: typed };
  return (
    <CapDecision budget={budget} from={from ?? NOWHERE} to={to} title="Another cap" label="Add a cap">
      <SegmentedControl aria-label="What it is over" data={KINDS} value={kind} onChange={setKind} />
      {kind === "study" && <Autocomplete label="Study" data={[...new Set(known)]} value={study} onChange={setStudy} />}
      {kind === "period" && (
        <Select
          label="Period"
          description="In UTC; it promises nothing over longer times."
          data={PERIODS}
          value={period}
          onChange={(value) => value !== null && setPeriod(value)}
          allowDeselect={false}
        />
      )}
      {kind === "period" && period === "days" && (
        <NumberInput label="Days" value={days} onChange={setDays} min={1} max={DAYS_MAX} allowDecimal={false} />
      )}
      <EpsilonInput label="ε" value={epsilon} onChange={setEpsilon} />
    </CapDecision>
  );
}

const NOWHERE: Cap = { of: "study", study: "", epsilon: null };

/** A cap that isn't there yet; undefined while it has no name. */
function noneYet(kind: string, named: { readonly study: string; readonly period: string }) {
  if (kind === "period") return { of: "period" as const, period: named.period, epsilon: null };
  return named.study === "" ? undefined : { of: "study" as const, study: named.study, epsilon: null };
}
