import { ask, Refused } from "@consilium/page/live/ask";
import type {
  BudgetsView,
  DatasetsView,
  DatasetView,
  DecisionAsked,
  HistoryView,
  LedgerView,
  LoginReply,
  ReleasesView,
  RequestsView,
  Said,
  SessionView,
} from "../../../src/http/views.ts";

/** Whose history, and of one study alone or of all. */
export interface HistoryOf {
  readonly dataset: string;
  readonly part?: string | undefined;
  readonly study?: string | undefined;
}

/** Of this tab alone: another port of this machine never sees it. */
const KEPT_PAGE = "consilium-page";
/** Never sent: by it the page knows its program again. */
const KEPT_PROGRAM = "consilium-program";

/** Another program answers here: the command has ended, and somebody took its port over. */
export class Stranger extends Refused {
  constructor() {
    super(
      421,
      "Another program answers at this address: the command that opened this page has ended.",
      "Close this tab and type no password into it. Then: consilium-site page",
    );
  }
}

/** One function for each question that the page asks; the types are the server's own schemas'. */
export const api = {
  login: async (token: string) => {
    const { page, program } = await ask<LoginReply>("/api/login", { method: "POST", content: { token } });
    window.sessionStorage.setItem(KEPT_PAGE, page);
    window.sessionStorage.setItem(KEPT_PROGRAM, program);
  },
  logout: async () => {
    await send<object>("/api/logout", {});
    window.sessionStorage.clear();
  },
  session: async () => {
    const view = await get<SessionView>("/api/session");
    if (view?.program !== window.sessionStorage.getItem(KEPT_PROGRAM)) throw new Stranger();
    return view;
  },
  budgets: () => get<BudgetsView>("/api/budgets"),
  history: ({ dataset, part, study }: HistoryOf) => {
    const wanted = { dataset, ...(part === undefined ? {} : { part }), ...(study === undefined ? {} : { study }) };
    return get<HistoryView>(`/api/history?${new URLSearchParams(wanted)}`);
  },
  releases: () => get<ReleasesView>("/api/releases"),
  requests: () => get<RequestsView>("/api/requests"),
  ledger: (find: string, before: number | null) => {
    const wanted = { find, ...(before === null ? {} : { before: String(before) }) };
    return get<LedgerView>(`/api/ledger?${new URLSearchParams(wanted)}`);
  },
  data: () => get<DatasetsView>("/api/data"),
  report: (study: string, dataset: string) => send<DatasetView["report"]>("/api/report", { study, dataset }),
  check: (study: string, dataset: string) => send<Said>("/api/check", { study, dataset }),
  /** The password goes to the program that the link was of, and to none that took its port over since. */
  decide: async (decision: DecisionAsked) => {
    await api.session();
    return send<Said>("/api/decide", decision);
  },
};

function headers(): Record<string, string> {
  return { "x-consilium-page": window.sessionStorage.getItem(KEPT_PAGE) ?? "" };
}

function get<View>(path: string): Promise<View> {
  return ask<View>(path, { headers: headers() });
}

function send<View>(path: string, content: unknown): Promise<View> {
  return ask<View>(path, { method: "POST", content, headers: headers() });
}
