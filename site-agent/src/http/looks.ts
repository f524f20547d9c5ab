import { Failure } from "@consilium/shared/failure/failure";
import { ChargeLog } from "@consilium/shared/ledger/chargeLog";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import { historyIn } from "@consilium/shared/ledger/epsilonHistory";
import { isDpSgd } from "@consilium/shared/study/document";
import type { DatasetId } from "@consilium/shared/units/identity";
import { z } from "zod";
import { ENDED } from "../approval/proposals.ts";
import { Quote } from "../approval/quote.ts";
import { askSite, type CommandContext } from "../command/context.ts";
import { lastReport } from "../command/datasetReport.ts";
import { keptPictures } from "../command/pictures.ts";
import { readDatasetFile } from "../connector/open.ts";
import { NextDecision, StudyDetail, StudySummary } from "../control/request.ts";
import { ask } from "../control/socket.ts";
import { DatasetBudget } from "../ledger/budget.ts";
import { DatasetRecord } from "../storage/records.ts";
import {
  type BudgetsView,
  type DatasetsView,
  type HistoryQuery,
  type HistoryView,
  LEDGER_PAGE,
  type LedgerQuery,
  type LedgerView,
  type RequestsView,
  type SessionView,
} from "./views.ts";

/** What the page shows: asked of the running agent as commands ask it, or of the database where none runs. */
export class Looks {
  readonly #context: CommandContext;
  readonly #log = new ChargeLog();
  /** Newest last, each with the text that a search looks in. */
  readonly #entries: { readonly entry: LedgerEntry; readonly text: string }[] = [];

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async session(): Promise<Omit<SessionView, "program">> {
    const { site, steward, stewards } = await askSite(this.#context, { ask: "next-decision" }, NextDecision);
    const { path, socket } = this.#context.folder;
    const isAgentRunning = (await ask(socket, { ask: "status" })) !== null;
    return { site, steward, stewards: stewards.map(({ name }) => name), dataFolder: path, isAgentRunning };
  }

  async budgets(): Promise<BudgetsView> {
    return { budgets: await askSite(this.#context, { ask: "budget" }, z.array(DatasetBudget)) };
  }

  async history({ dataset, part, study }: z.output<typeof HistoryQuery>): Promise<HistoryView> {
    const { budgets } = await this.budgets();
    const budget = budgets.find((one) => one.dataset === dataset);
    if (budget?.cap == null) throw noCap(dataset);
    const { delta, epsilon } = budget.cap;
    await this.#readOn();
    const { site } = await askSite(this.#context, { ask: "next-decision" }, NextDecision);
    const caps = this.#log.caps(site, dataset).filter(({ body }) => body.delta === delta);
    const ofStudy = budget.caps.find((cap) => cap.of === "study" && cap.study === study);
    return {
      dataset,
      study: study ?? null,
      delta,
      cap: study === undefined ? epsilon : (ofStudy?.epsilon ?? null),
      caps: study === undefined ? caps.map(({ at, body }) => ({ at, epsilon: body.epsilon })) : [],
      ...historyIn(this.#log, { site, dataset, part, study }, delta),
    };
  }

  async requests(): Promise<RequestsView> {
    const studies = await askSite(this.#context, { ask: "studies" }, z.array(StudySummary));
    const { budgets } = await this.budgets();
    const requests = [];
    for (const study of studies.toReversed()) {
      const { document } = await askSite(this.#context, { ask: "study", study: study.name }, StudyDetail);
      const hasEnded = study.progress !== null && ENDED.has(study.progress);
      const quotes = [];
      // What is approved is charged as it goes: its whole cost on top would count it twice.
      for (const { dataset } of study.state === "proposed" && !hasEnded ? budgets : []) {
        quotes.push(await askSite(this.#context, { ask: "quote", study: study.name, dataset }, Quote));
      }
      const { samplingRate } = document.privacy;
      const noiseMultiplier = isDpSgd(document) ? document.privacy.noiseMultiplier : null;
      requests.push({ study, rounds: document.training.rounds, noiseMultiplier, samplingRate, hasEnded, quotes });
    }
    return { requests };
  }

  async data(): Promise<DatasetsView> {
    await this.#readOn();
    const records = await askSite(this.#context, { ask: "datasets" }, z.array(DatasetRecord));
    const studies = await askSite(this.#context, { ask: "studies" }, z.array(StudySummary));
    const sanitizings = this.#entries.flatMap(({ entry }) => (entry.body.kind === "sanitizing" ? [entry] : []));
    const datasets = records.map(async ({ dataset, path, registeredAt, frozen, content }) => ({
      dataset,
      path,
      source: await sourceOf(path),
      registeredAt,
      frozen,
      content,
      sanitizings: sanitizings.filter(({ body }) => body.kind === "sanitizing" && body.dataset === dataset),
      kept: await keptPictures(this.#context, dataset),
      report: await lastReport(this.#context, dataset),
    }));
    return { datasets: await Promise.all(datasets), studies: [...new Set(studies.map(({ name }) => name))] };
  }

  async ledger({ find, before }: z.output<typeof LedgerQuery>): Promise<LedgerView> {
    await this.#readOn();
    const words = find.toLowerCase().split(/\s+/);
    const fitting = this.#entries.filter(({ text }) => words.every((word) => text.includes(word)));
    const older = fitting.filter(({ entry }) => before === undefined || entry.sequence < before);
    const page = older.slice(-LEDGER_PAGE).map(({ entry }) => entry);
    const hasOlder = older.length > page.length;
    return {
      entries: page.toReversed(),
      olderBefore: hasOlder ? (page[0]?.sequence ?? null) : null,
      found: fitting.length,
      all: this.#entries.length,
    };
  }

  /** Entries since the last look: a ledger only grows. */
  async #readOn(): Promise<void> {
    for (;;) {
      const page = await askSite(this.#context, { ask: "ledger", after: this.#log.sequence }, z.array(LedgerEntry));
      if (page.length === 0) return;
      for (const entry of page) {
        this.#log.take(entry);
        this.#entries.push({
          entry,
          text: `${entry.sequence} ${entry.at} ${JSON.stringify(entry.body)}`.toLowerCase(),
        });
      }
    }
  }
}

/** The kind that a data set's file names; a bare file is a table or a database. */
async function sourceOf(path: string): Promise<string | null> {
  try {
    const [kind] = Object.keys((await readDatasetFile(path))?.file.source ?? { table: path });
    return kind ?? null;
  } catch {
    return null;
  }
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "usage",
    what: `Data set ${dataset} has no cap yet, so nothing was charged to it.`,
    remedy: `Set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}
