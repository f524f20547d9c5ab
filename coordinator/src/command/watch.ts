import { FAILURE_EXIT_CODE } from "@consilium/shared/failure/failure";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import { BudgetList, LiveRoundView, MetricSeries, StudyDetail } from "../http/views.ts";
import { isEnded } from "../study/study.ts";
import type { Client } from "./client.ts";
import { hint, print } from "./output.ts";

const LOOK_EVERY_MS = 250;

/** One look at a study, as `watch` prints it when it differs from the last. */
interface Look {
  readonly study: string;
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly auc: number | null;
  readonly epsilon: number;
  readonly reason: string | null;
}

/** Follows a study to its end or a pause; the exit code says which: 0 released, 6 refused by its gate, 4 stopped. */
export async function watchStudy(client: Client, name: string, isJson: boolean): Promise<number> {
  let last = "";
  for (;;) {
    const look = await lookAt(client, name);
    const text = JSON.stringify(look);
    if (text !== last) print(isJson, look, lineOf(look));
    last = text;
    if (look.state === "released") return 0;
    if (look.state === "rejected") return FAILURE_EXIT_CODE["audit-failed"];
    if (look.state === "aborted") return FAILURE_EXIT_CODE.refused;
    if (look.state === "paused") {
      hint(`next: consilium study resume ${name}, once the reason is gone`);
      return FAILURE_EXIT_CODE.refused;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** On its way to an end: a pause, or an audit that may have come early. */
const TELLS_WHY: ReadonlySet<string> = new Set(["paused", "auditing"]);

async function lookAt(client: Client, name: string): Promise<Look> {
  const path = `/api/studies/${encodeURIComponent(name)}`;
  const detail = await client.get(path, StudyDetail);
  const { committedRounds, rounds } = await client.get(`${path}/round`, LiveRoundView);
  const { points } = await client.get(`${path}/metrics`, MetricSeries);
  const { budgets } = await client.get(`${path}/budgets`, BudgetList);
  return {
    study: detail.name,
    state: detail.state,
    round: committedRounds,
    rounds,
    auc: points.at(-1)?.auc?.value ?? null,
    epsilon: Math.max(0, ...budgets.map(({ spentEpsilon }) => spentEpsilon)),
    reason: isEnded(detail.state) || TELLS_WHY.has(detail.state) ? detail.reason : null,
  };
}

function lineOf({ state, round, rounds, auc, epsilon, reason }: Look): string {
  const parts = [state, `round ${round}/${rounds}`, `ε ${epsilonText(epsilon)} at the site that spent most`];
  if (auc !== null) parts.splice(2, 0, `AUC ${auc.toFixed(3)}`);
  return reason === null ? parts.join(" | ") : `${parts.join(" | ")} | ${reason}`;
}
