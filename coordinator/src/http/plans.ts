import { bookedUnder, type CapFilter, capFilters, today } from "@consilium/shared/ledger/capFilter";
import { ofEachPart, type Part } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { Plan } from "@consilium/shared/plan/plan";
import type { SiteBudget } from "@consilium/shared/plan/planStudy";
import { StudyDocument } from "@consilium/shared/study/document";
import { z } from "zod";
import { EXAMPLE_SCHEMA, EXAMPLE_STUDY } from "../study/exampleFiles.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { PlanThread } from "./planThread.ts";
import { PlanFault, Resolved } from "./planWork.ts";
import type { Service } from "./service.ts";

/** What people write by hand is shorter; a schema of thousands of columns is planned at a terminal. */
const TEXT_LENGTH_MAX = 200_000;
const FILES_MAX = 4;
/** Whoever types asks twice a second at most. */
const PLANS_PER_MINUTE_MAX = 60;

const Pace = z.strictObject({
  stepMs: z.number().positive().max(1e9).optional(),
  linkMbit: z.number().positive().max(1e6).optional(),
});

/** A study file as it is typed, and the texts of the files that it names, by the names that it uses. */
export const PlanRequest = z
  .strictObject({
    text: z.string().max(TEXT_LENGTH_MAX),
    files: z
      .array(z.strictObject({ path: z.string().min(1).max(200), text: z.string().max(TEXT_LENGTH_MAX) }))
      .max(FILES_MAX)
      .default([]),
    pace: Pace.default({}),
  })
  .meta({ id: "PlanRequest" });
export type PlanRequest = z.input<typeof PlanRequest>;

const DocumentRequest = z
  .strictObject({ document: StudyDocument, noiseWasAuto: z.boolean(), pace: Pace.default({}) })
  .meta({ id: "PlanDocumentRequest" });

/** The plan, or all that keeps the file from being a study: while one types, that is no error. */
export const PlanView = z.strictObject({ plan: Plan.nullable(), faults: z.array(PlanFault) }).meta({ id: "PlanView" });
export type PlanView = z.infer<typeof PlanView>;

/** Files to start from: those that `consilium init` writes. */
export const PlanExample = z
  .strictObject({ text: z.string(), files: z.array(z.strictObject({ path: z.string(), text: z.string() })) })
  .meta({ id: "PlanExample" });
export type PlanExample = z.infer<typeof PlanExample>;

/** Plans charge nothing and change nothing; they read what the caps and the ledger say of the study's sites. */
export function planEndpoints({ store, world, plans }: Service): Endpoint[] {
  return [
    endpoint({
      method: "get",
      path: "/api/plan/example",
      summary: "A study file to start a plan from",
      reply: PlanExample,
      handle: () => ({ text: EXAMPLE_STUDY, files: [{ path: "./schema.yaml", text: EXAMPLE_SCHEMA }] }),
    }),
    endpoint({
      method: "post",
      path: "/api/plan",
      summary: "Plans a study file against the sites' caps; charges nothing",
      perMinuteMax: PLANS_PER_MINUTE_MAX,
      body: PlanRequest,
      reply: PlanView,
      handle: ({ body }) => planOfText(body, plans, (document) => budgetsOf(document, store.state, world.clock.now())),
    }),
    endpoint({
      method: "post",
      path: "/api/plan/document",
      summary: "Plans a resolved study against the sites' caps; charges nothing",
      perMinuteMax: PLANS_PER_MINUTE_MAX,
      body: DocumentRequest,
      reply: Plan,
      handle: ({ body: { document, ...rest } }) => {
        const budgets = budgetsOf(document, store.state, world.clock.now());
        return plans.run({ job: "plan", document, context: { ...rest, budgets } }, Plan);
      },
    }),
  ];
}

async function planOfText(
  { pace, ...source }: z.output<typeof PlanRequest>,
  plans: PlanThread,
  budgetsFor: (document: StudyDocument) => readonly SiteBudget[],
): Promise<PlanView> {
  const resolved = await plans.run({ job: "resolve", source }, Resolved);
  if (resolved.is === "faulty") return { plan: null, faults: resolved.faults };
  const { document, noiseWasAuto, warnings } = resolved;
  const context = { noiseWasAuto, pace, budgets: budgetsFor(document), warnings };
  return { plan: await plans.run({ job: "plan", document, context }, Plan), faults: [] };
}

/** Every data set with a cap at the study's sites, with all that is spent or reserved under each cap. */
export function budgetsOf({ name: study, sites }: StudyDocument, state: LedgerState, now: Date): SiteBudget[] {
  const listed = new Set(sites.map(({ name }) => name));
  const day = today(state, now);
  return [...state.caps.values()]
    .filter(({ site }) => listed.has(site))
    .map(({ site, dataset, epsilon, delta }) => {
      const under = (filter: Pick<CapFilter, "study" | "period">) => {
        const booked = (part: Part) => bookedUnder(state, filter, { site, dataset, part }, day);
        return ofEachPart(booked);
      };
      const filters = capFilters(state, site, dataset, study);
      const periods = filters.filter(({ of }) => of === "period");
      return {
        site,
        dataset,
        cap: epsilon,
        delta,
        perStudy: filters.find(({ of }) => of === "study")?.epsilon,
        spent: under({ study: null, period: null }),
        periods: periods.map((filter) => ({ cap: filter.epsilon, spent: under(filter) })),
      };
    });
}
