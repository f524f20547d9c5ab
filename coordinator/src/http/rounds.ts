import type { Figure } from "@consilium/shared/audit/report";
import type { SiteName } from "@consilium/shared/units/identity";
import type { z } from "zod";
import { metricsOf } from "../storage/results.ts";
import { committedRounds, newestRounds } from "../storage/rounds.ts";
import type { StudyRecord } from "../storage/studies.ts";
import type { OpenedRound } from "../study/run.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { type MetricFigure, MetricSeries } from "./metricViews.ts";
import type { Service } from "./service.ts";
import { LiveRoundView, ROUND_HISTORY_MAX, RoundHistory, type SiteInRound } from "./views.ts";

/** Late rounds that the pace of training is told from. */
const PACE_ROUNDS = 10;

export function roundEndpoints(service: Service): Endpoint[] {
  const { studies, world } = service;
  const { sql } = world;
  return [
    endpoint({
      method: "get",
      path: "/api/studies/:study/round",
      summary: "The round that runs now",
      reply: LiveRoundView,
      handle: ({ params }) => liveRound(service, studies.record(params.study ?? "")),
    }),
    endpoint({
      method: "get",
      path: "/api/studies/:study/rounds",
      summary: "The newest closed rounds, oldest first",
      reply: RoundHistory,
      handle: ({ params }) => {
        const { name } = studies.record(params.study ?? "");
        const rounds = [...newestRounds(sql, name, ROUND_HISTORY_MAX)].reverse().map(({ key, state, answers }) => ({
          key,
          outcome: state === "committed" ? ("committed" as const) : ("abandoned" as const),
          sites: [...answers].map(([site, answer]) => ({ site, answer })),
        }));
        return { rounds };
      },
    }),
    endpoint({
      method: "get",
      path: "/api/studies/:study/metrics",
      summary: "Noised metrics, oldest first",
      reply: MetricSeries,
      handle: ({ params }) => {
        const { name, document } = studies.record(params.study ?? "");
        const points = metricsOf(sql, name).map(({ round, metric }) => ({
          round,
          auc: wanted(metric.auc, true),
          accuracy: wanted(metric.accuracy, document.evaluation.metrics.includes("accuracy")),
          concordance: wanted(metric.concordance, true),
        }));
        return { disclosure: "DP" as const, epsilonPerPoint: document.evaluation.epsilon, points };
      },
    }),
  ];
}

function wanted(figure: Figure | undefined, isAsked: boolean): MetricFigure | null {
  return figure === undefined || !isAsked ? null : figureOf(figure);
}

function figureOf(figure: Figure): MetricFigure {
  if (figure.state !== "resolved") return figure;
  const { state, low, value, high } = figure;
  return { state, low, value, high };
}

function liveRound({ studies, world }: Service, record: StudyRecord): z.input<typeof LiveRoundView> {
  const { rounds } = record.document.training;
  const committed = committedRounds(world.sql, record.name, "train").length;
  const current = studies.current(record.name);
  return {
    running: current === null ? null : runningRound(world, current),
    committedRounds: committed,
    rounds,
    remainingMs: record.standing.state === "training" ? remainingMs(world, record, rounds - committed) : null,
  };
}

function runningRound(
  { link }: Service["world"],
  { spec, announcedAt, run }: OpenedRound,
): z.input<typeof LiveRoundView>["running"] {
  const { round } = run;
  if (round.state === "committed" || round.state === "abandoned") return null;
  const answered =
    round.state === "aggregated" ? round.contributors : round.state === "collecting" ? round.received : null;
  const declined = round.state === "announced" ? null : round.declined;
  const answerOf = (site: SiteName): SiteInRound["answer"] => {
    if (answered?.has(site) === true) return "answered";
    if (declined?.has(site) === true) return "declined";
    if (!link.isConnected(site)) return "absent";
    return round.state === "aggregated" ? "late" : "waiting";
  };
  return {
    key: spec.key,
    state: round.state,
    sites: [...round.cohort].map((site) => ({ site, answer: answerOf(site) })),
    announcedAt: announcedAt.toISOString(),
    deadlineAt: new Date(announcedAt.getTime() + spec.deadlineMs).toISOString(),
  };
}

function remainingMs({ sql }: Service["world"], record: StudyRecord, left: number): number | null {
  const late = newestRounds(sql, record.name, PACE_ROUNDS).filter(({ closedAt }) => closedAt !== null);
  const [newest, oldest] = [late[0], late.at(-1)];
  if (newest === undefined || oldest === undefined || late.length < 2) return null;
  const took = Date.parse(newest.closedAt ?? newest.announcedAt) - Date.parse(oldest.announcedAt);
  return Math.max(0, (took / late.length) * left);
}
