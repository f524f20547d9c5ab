import { Failure } from "@consilium/shared/failure/failure";
import { approvalOf } from "@consilium/shared/ledger/state";
import { isDpSgd, StudyDocument } from "@consilium/shared/study/document";
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { startOf } from "../model/start.ts";
import { AgainRequest, prepareAgain } from "../release/again.ts";
import { isAudited } from "../storage/results.ts";
import { committedRounds } from "../storage/rounds.ts";
import { listStudies, movesOf, repliesTo, type StudyRecord } from "../storage/studies.ts";
import type { Motive } from "../study/moves.ts";
import { whyEndedEarly } from "../study/opening.ts";
import { hasBegun } from "../study/study.ts";
import { type Call, type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { LOOKS_PER_MINUTE_MAX, overlapSoFar, RequestList, type RequestView } from "./spendingViews.ts";
import { type ApprovalView, StudyDetail, StudyList } from "./views.ts";

/** Why a person moves a study: kept in the ledger. */
export const StudyAction = z
  .strictObject({ action: z.enum(["start", "pause", "resume", "stop"]), reason: z.string().min(1).max(500) })
  .meta({ id: "StudyAction" });

export function studyEndpoints(service: Service): Endpoint[] {
  const { studies, world } = service;
  return [
    endpoint({
      method: "get",
      path: "/api/studies",
      summary: "All studies, newest first",
      reply: StudyList,
      handle: () => ({ studies: listStudies(world.sql).map((record) => summaryOf(service, record)) }),
    }),
    endpoint({
      method: "get",
      path: "/api/requests",
      summary: "Who asks which site for what, what it answered and what it would cost there; newest first",
      perMinuteMax: LOOKS_PER_MINUTE_MAX,
      reply: RequestList,
      handle: async () => {
        const requests: z.input<typeof RequestView>[] = [];
        for (const record of listStudies(world.sql)) requests.push(await requestOf(service, record));
        return { requests };
      },
    }),
    endpoint({
      method: "get",
      path: "/api/studies/:study",
      summary: "One study: its document, answers and moves",
      reply: StudyDetail,
      handle: ({ params }) => detailOf(service, studies.record(params.study ?? "")),
    }),
    endpoint({
      method: "post",
      path: "/api/studies",
      summary: "Proposes a study to its sites: frozen and signed from then on",
      access: "lead",
      body: StudyDocument,
      reply: StudyDetail,
      handle: async (call) => {
        requireEnrolled(service, call.body);
        // Its weights, if it names any, are there and what it says of them: nobody is asked to sign others.
        await startOf(call.body, world.weights);
        return detailOf(service, studies.propose(call.body, motiveOf(call, "proposed")));
      },
    }),
    endpoint({
      method: "post",
      path: "/api/studies/:study/again",
      summary: "Proposes a second audit of a released model: a study of one round, with a charge of its own",
      access: "lead",
      body: AgainRequest,
      reply: StudyDetail,
      handle: async (call) => {
        const document = await prepareAgain(world, studies.record(call.params.study ?? ""), call.body);
        requireEnrolled(service, document);
        return detailOf(service, studies.propose(document, motiveOf(call, call.body.reason)));
      },
    }),
    endpoint({
      method: "post",
      path: "/api/studies/:study/actions",
      summary: "Starts, pauses, resumes or stops a study",
      access: "lead",
      body: StudyAction,
      reply: StudyDetail,
      handle: async (call) => {
        const { name } = studies.record(call.params.study ?? "");
        const motive = motiveOf(call, call.body.reason);
        switch (call.body.action) {
          case "start":
            await studies.start(name, motive);
            break;
          case "pause":
            studies.pause(name, motive);
            break;
          case "resume":
            await studies.resume(name, motive);
            break;
          case "stop":
            await studies.stop(name, motive);
            break;
        }
        return detailOf(service, studies.record(name));
      },
    }),
  ];
}

function motiveOf({ session }: Call<unknown>, reason: string): Motive {
  return { by: session?.name ?? "unknown", reason };
}

/** A study names sites of this consortium alone: others could never approve it. */
function requireEnrolled({ consortium }: Service, document: StudyDocument): void {
  const active = consortium.roster().roster.sites.filter(({ state }) => state === "active");
  const strangers = document.sites.map(({ name }) => name).filter((name) => !active.some(({ site }) => site === name));
  if (strangers.length === 0) return;
  throw new Failure({
    code: "study/site-not-enrolled",
    kind: "refused",
    what: `The study lists ${strangers.join(", ")}, which the consortium doesn't know.`,
    remedy: `Invite them first: consilium ca invite ${strangers[0]}.`,
  });
}

function summaryOf({ world }: Service, record: StudyRecord): z.input<typeof StudyList>["studies"][number] {
  const { name, document, digest, standing, reason, proposedAt } = record;
  return {
    name,
    purpose: document.purpose,
    state: standing.state,
    reason,
    digest,
    committedRounds: committedRounds(world.sql, name, "train").length,
    rounds: document.training.rounds,
    proposedAt,
    endedEarly: whyEndedEarly(world.sql, document),
    audited: isAudited(world.sql, name),
    offers: repliesTo(world.sql, name).filter((reply) => reply.answer === "rejected" && reply.offer !== null).length,
  };
}

export function detailOf(service: Service, record: StudyRecord): z.input<typeof StudyDetail> {
  return {
    ...summaryOf(service, record),
    document: record.document,
    approvals: answersTo(service, record),
    moves: [...movesOf(service.world.sql, record.name)],
  };
}

/** Of every site that the study lists, in its order. */
function answersTo({ world }: Service, { name, document }: StudyRecord): z.input<typeof ApprovalView>[] {
  const replies = new Map(repliesTo(world.sql, name).map((reply) => [reply.site, reply]));
  return document.sites.map(({ name: site }) => {
    const reply = replies.get(site);
    if (reply === undefined) return { site, answer: "waiting", steward: null, reason: null, offer: null, at: null };
    const { answer, at } = reply;
    return answer === "approved"
      ? { site, answer, steward: reply.approval.statement.steward, reason: null, offer: null, at }
      : { site, answer, steward: null, reason: reply.reason, offer: reply.offer, at };
  });
}

async function requestOf(service: Service, record: StudyRecord): Promise<z.input<typeof RequestView>> {
  const { document, standing, name } = record;
  const { privacy, training } = document;
  const { state } = service.store;
  const { budgets: costs, overlap } = hasBegun(standing)
    ? { budgets: [], overlap: overlapSoFar(state, document) }
    : await service.costs.of(record);
  return {
    study: name,
    purpose: document.purpose,
    state: standing.state,
    digest: record.digest,
    proposedAt: record.proposedAt,
    proposedBy: movesOf(service.world.sql, name)[0]?.by ?? null,
    epsilon: privacy.epsilon,
    delta: privacy.delta,
    rounds: training.rounds,
    noiseMultiplier: isDpSgd(document) ? document.privacy.noiseMultiplier : null,
    samplingRate: privacy.samplingRate,
    minSites: training.minSites,
    overlap,
    sites: answersTo(service, record).map((answer) => {
      const site = SiteName.parse(answer.site);
      const dataset = answer.answer === "approved" ? (approvalOf(state, site, name)?.dataset ?? null) : null;
      const own = costs.filter((cost) => cost.site === site && (dataset === null || cost.dataset === dataset));
      return { ...answer, dataset, costs: own };
    }),
  };
}
