import { FAILURE_EXIT_CODE } from "@consilium/shared/failure/failure";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { BudgetList } from "../http/budgetViews.ts";
import { type MetricFigure, type MetricPoint, MetricSeries } from "../http/metricViews.ts";
import { LiveRoundView, StudyDetail } from "../http/views.ts";
import { isEnded } from "../study/study.ts";
import type { Client } from "./client.ts";
import { hint, print } from "./output.ts";

const LOOK_EVERY_MS = 250;

/** One look at a study, as `watch` prints it when it differs from the last. */
export interface Look {
  readonly study: string;
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly auc: number | null;
  /** The newest evaluation. */
  readonly metrics: MetricPoint | null;
  /** Over all studies, at the site whose cap's δ is named: the one that spent most. */
  readonly epsilon: number;
  readonly delta: number;
  readonly reason: string | null;
  /** Why training ended before its last signed round. */
  readonly endedEarly: string | null;
}

/**
 * Follows a study to its end, a pause, or until its release waits for signatures; the exit code says which: 0 released,
 * 6 refused by its gate, 4 anything else.
 */
export async function watchStudy(client: Client, name: string, isJson: boolean): Promise<number> {
  let last = "";
  for (;;) {
    const look = await lookAt(client, name);
    const line = lineOf(look);
    const text = isJson ? JSON.stringify(look) : line;
    if (text !== last) print(isJson, look, line);
    last = text;
    if (look.state === "released" || look.state === "audited") return 0;
    if (look.state === "rejected") return FAILURE_EXIT_CODE["audit-failed"];
    if (look.state === "aborted" || look.state === "revoked") return FAILURE_EXIT_CODE.refused;
    if (look.state === "signing") {
      hint(`next: consilium release show ${name}; what it waits for comes from people: consilium release hand-in FILE`);
      return FAILURE_EXIT_CODE.refused;
    }
    if (look.state === "paused") {
      hint(howToResume(name));
      return FAILURE_EXIT_CODE.refused;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** On its way to an end: a pause, an audit that may have come early, signatures that are missing. */
const TELLS_WHY: ReadonlySet<string> = new Set(["paused", "auditing", "signing"]);

async function lookAt(client: Client, name: string): Promise<Look> {
  const path = `/api/studies/${encodeURIComponent(name)}`;
  const detail = await client.get(path, StudyDetail);
  const { committedRounds, rounds } = await client.get(`${path}/round`, LiveRoundView);
  const newest = (await client.get(`${path}/metrics`, MetricSeries)).points.at(-1) ?? null;
  const { budgets } = await client.get(`${path}/budgets`, BudgetList);
  const [most] = [...budgets].sort((a, b) => b.spentEpsilon - a.spentEpsilon);
  return {
    study: detail.name,
    state: detail.state,
    round: committedRounds,
    rounds,
    auc: newest?.auc?.state === "resolved" ? newest.auc.value : null,
    metrics: newest,
    epsilon: most?.spentEpsilon ?? 0,
    delta: most?.delta ?? detail.document.privacy.delta,
    reason: isEnded(detail.state) || TELLS_WHY.has(detail.state) ? detail.reason : null,
    endedEarly: detail.endedEarly,
  };
}

/** What a paused study needs. */
export function howToResume(study: string): string {
  return `next: consilium study resume ${study}, once the reason is gone; an abandoned round is tried again, and charged again`;
}

export function lineOf({ state, round, rounds, metrics, epsilon, reason, endedEarly, delta }: Look): string {
  // The reason for an audit that came early is why training ended.
  const why = reason !== null && endedEarly?.startsWith(reason) === true ? null : reason;
  return [
    state,
    `round ${round}/${rounds}`,
    ...metricsText(metrics),
    `ε ${epsilonText(epsilon)} at δ = ${delta}, over all studies, at the site that spent most`,
    why,
    endedEarly,
  ]
    .filter((part) => part !== null)
    .join(" | ");
}

/** The newest evaluation's AUC or concordance index, or its accuracy where there is neither. */
function metricsText(point: MetricPoint | null): string[] {
  if (point === null) return [];
  const named = [
    ["AUC", point.auc] as const,
    ["c-index", point.concordance] as const,
    ["accuracy", point.accuracy] as const,
  ];
  const [first] = named.flatMap(([name, figure]) => (figure === null ? [] : [`${name} ${figureText(figure)}`]));
  return first === undefined ? [] : [first];
}

function figureText(figure: MetricFigure): string {
  if (figure.state === "not-resolvable") return "hidden by noise";
  return `${figure.value.toFixed(3)} (${figure.low.toFixed(3)} to ${figure.high.toFixed(3)})`;
}
