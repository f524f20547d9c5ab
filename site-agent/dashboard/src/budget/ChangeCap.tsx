import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { loosens } from "@consilium/shared/ledger/loosens";
import { Checkbox, NumberInput, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { BudgetsView, DecisionAsked } from "../../../src/http/views.ts";
import { useSession } from "../live/queries.ts";
import { Confirm } from "../shell/Confirm.tsx";

type Budget = BudgetsView["budgets"][number];
/** One cap as it stands; ε is null where there is none yet. */
export type Cap = Extract<DecisionAsked, { action: "lower-cap" }>["from"];

/** "study heart", "a calendar year": what a cap is over. */
export function capName(cap: Cap): string {
  if (cap.of === "data-set") return "all studies";
  if (cap.of === "study") return `study ${cap.study}`;
  return cap.period === "calendar-year" ? "a calendar year" : cap.period.replace("-", " ");
}

interface ChangeCapProps {
  readonly budget: Budget;
  readonly cap: Cap;
}

/** A cap that is there, changed: lowered at once, or a raise asked for that another steward grants. */
export function ChangeCap({ budget, cap }: ChangeCapProps) {
  const [epsilon, setEpsilon] = useState<number | string>(cap.epsilon ?? "");
  const [perStudy, setPerStudy] = useState<number | string>(cap.of === "data-set" ? (cap.perStudy ?? "") : "");
  const [isLifted, setLifted] = useState(false);
  const to = changed(cap, { epsilon: isLifted ? null : typedNumber(epsilon), perStudy: typedNumber(perStudy) });
  return (
    <CapDecision budget={budget} from={cap} to={to} title={`Change the cap for ${capName(cap)}`} label="Change">
      {!isLifted && <EpsilonInput label={`ε for ${capName(cap)}`} value={epsilon} onChange={setEpsilon} />}
      {cap.of === "data-set" ? (
        <EpsilonInput
          label="ε for each study"
          description={cap.perStudy === undefined ? "None is set; leave it empty to keep it so." : undefined}
          value={perStudy}
          onChange={setPerStudy}
        />
      ) : (
        <Checkbox
          label="Lift it: from then on the other caps alone bound this"
          checked={isLifted}
          onChange={(event) => setLifted(event.currentTarget.checked)}
        />
      )}
    </CapDecision>
  );
}

interface Typed {
  readonly epsilon: number | null | undefined;
  readonly perStudy: number | undefined;
}

/** Undefined where nothing clear was typed. */
function changed(cap: Cap, { epsilon, perStudy }: Typed): Cap | undefined {
  if (epsilon === undefined) return undefined;
  if (cap.of !== "data-set") return { ...cap, epsilon };
  if (epsilon === null || (cap.perStudy !== undefined && perStudy === undefined)) return undefined;
  return { ...cap, epsilon, ...(perStudy === undefined ? {} : { perStudy }) };
}

export function typedNumber(typed: number | string): number | undefined {
  return typed === "" || !Number.isFinite(Number(typed)) || Number(typed) < 0 ? undefined : Number(typed);
}

interface EpsilonInputProps {
  readonly label: string;
  readonly description?: string | undefined;
  readonly value: number | string;
  readonly onChange: (value: number | string) => void;
}

export function EpsilonInput(props: EpsilonInputProps) {
  return <NumberInput {...props} min={0} step={0.1} w={{ base: "100%", xs: 260 }} data-autofocus />;
}

interface CapDecisionProps {
  readonly budget: Budget;
  readonly from: Cap;
  readonly to: Cap | undefined;
  readonly title: string;
  readonly label: string;
  /** The fields. */
  readonly children: React.ReactNode;
}

/** The dialog: fields, what they come to, then who decides. */
export function CapDecision({ budget, from, to, title, label, children }: CapDecisionProps) {
  const isRaise = to !== undefined && loosens(from, to);
  const isSame = to === undefined || JSON.stringify(to) === JSON.stringify(from);
  const isAlone = (useSession().data?.stewards.length ?? 0) < 2;
  const { dataset } = budget;
  return (
    <Confirm
      title={`${title} on ${dataset}`}
      label={label}
      decides={isRaise ? "Ask for it" : "Set the cap"}
      isDangerous
      asksReason
      isReady={!isSame && !(isRaise && isAlone)}
      decision={({ as, password, reason }) => ({
        action: isRaise ? "ask-raise" : "lower-cap",
        ...{ dataset, from, change: to ?? from, reason, as, password },
      })}
    >
      <Stack gap="sm">{children}</Stack>
      {to !== undefined && !isSame && <Outcome budget={budget} from={from} to={to} isRaise={isRaise} />}
      {isRaise && isAlone && (
        <Text size="sm" style={{ color: "var(--warn)" }}>
          This lets more be spent, which takes two people, and this site knows one steward. Another is added at a
          terminal: consilium-site steward add NAME
        </Text>
      )}
    </Confirm>
  );
}

interface OutcomeProps {
  readonly budget: Budget;
  readonly from: Cap;
  readonly to: Cap;
  readonly isRaise: boolean;
}

function Outcome({ budget, from, to, isRaise }: OutcomeProps) {
  const delta = budget.cap === null ? "" : ` at δ = ${deltaText(budget.cap.delta)}`;
  const booked = bookedUnder(budget, from);
  const isBelow = to.epsilon !== null && booked !== undefined && to.epsilon < booked;
  return (
    <>
      <Text className="figure">
        The cap for {capName(to)}: from <b>{capText(from)}</b> to <b>{capText(to)}</b>
        {delta}
        {isRaise ? ", once another steward has granted it; until then nothing changes." : ", at once."}{" "}
        {booked === undefined ? "" : `ε = ${epsilonText(booked)} is spent or reserved under it.`}
      </Text>
      {isBelow && (
        <Text style={{ color: "var(--warn)" }}>
          Below what is spent or reserved already: nothing more may be charged, and any study that still trains under it
          stops here.
        </Text>
      )}
      {!isRaise && (
        <Text size="sm" c="dimmed">
          To raise it again takes two stewards.
        </Text>
      )}
    </>
  );
}

/** As a steward set it, to the last digit. */
export function capText(cap: Cap): string {
  if (cap.epsilon === null) return "none";
  const each = cap.of === "data-set" && cap.perStudy !== undefined ? `, ε = ${cap.perStudy} for each study` : "";
  return `ε = ${cap.epsilon}${each}`;
}

/** What counts under a cap; undefined where nobody counted it before it was set. */
function bookedUnder({ caps, spending }: Budget, cap: Cap): number | undefined {
  const view = caps.find(
    (one) =>
      one.of === cap.of &&
      (cap.of !== "study" || one.study === cap.study) &&
      (cap.of !== "period" || one.period === cap.period),
  );
  if (view !== undefined) return view.booked;
  if (cap.of !== "study") return undefined;
  return spending?.studies.find(({ study }) => study === cap.study)?.reservedEpsilon ?? 0;
}
