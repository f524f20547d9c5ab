import { ask } from "@consilium/page/live/ask";
import type {
  BudgetsView,
  DecisionAsked,
  HistoryView,
  LedgerView,
  LoginReply,
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

/** Of this page alone: another port of this machine never sees it. */
const KEPT = "consilium-page";

/** One function for each question that the page asks; the types are the server's own schemas'. */
export const api = {
  login: async (token: string) => {
    const { page } = await ask<LoginReply>("/api/login", { method: "POST", content: { token } });
    window.sessionStorage.setItem(KEPT, page);
  },
  session: () => get<SessionView>("/api/session"),
  budgets: () => get<BudgetsView>("/api/budgets"),
  history: ({ dataset, part, study }: HistoryOf) => {
    const wanted = { dataset, ...(part === undefined ? {} : { part }), ...(study === undefined ? {} : { study }) };
    return get<HistoryView>(`/api/history?${new URLSearchParams(wanted)}`);
  },
  requests: () => get<RequestsView>("/api/requests"),
  ledger: (find: string, before: number | null) => {
    const wanted = { find, ...(before === null ? {} : { before: String(before) }) };
    return get<LedgerView>(`/api/ledger?${new URLSearchParams(wanted)}`);
  },
  check: (study: string, dataset: string) => send<Said>("/api/check", { study, dataset }),
  decide: (decision: DecisionAsked) => send<Said>("/api/decide", decision),
};

function headers(): Record<string, string> {
  return { "x-consilium-page": window.sessionStorage.getItem(KEPT) ?? "" };
}

function get<View>(path: string): Promise<View> {
  return ask<View>(path, { headers: headers() });
}

function send<View>(path: string, content: unknown): Promise<View> {
  return ask<View>(path, { method: "POST", content, headers: headers() });
}
