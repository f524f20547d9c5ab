import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import { ZodError, type z } from "zod";
import type { CommandContext } from "../command/context.ts";
import { makeReport } from "../command/datasetReport.ts";
import { check, decide } from "./decisions.ts";
import { pageFile } from "./files.ts";
import { Looks } from "./looks.ts";
import { ReleaseLooks } from "./releaseLooks.ts";
import { PAGE_HEADER, type PageSession, sessionCookie } from "./session.ts";
import { CheckRequest, Decision, HistoryQuery, LedgerQuery, LoginRequest, type Said } from "./views.ts";

/** This machine's own address: nothing else may connect. */
const ADDRESS = "127.0.0.1";
const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** A browser opens six. */
const CONNECTIONS_MAX = 64;

/** Every file is this server's own; styles are written by the component library. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

export interface PageOptions {
  readonly context: CommandContext;
  readonly session: PageSession;
  /** 0: whichever is free. */
  readonly port: number;
}

export interface RunningPage {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Ends it once the question under way, of which a decision may be one, is done. */
  close(): Promise<void>;
}

interface Asked {
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly response: ServerResponse;
}

type Route = (asked: Asked) => unknown;

/** Serves the hospital's own page on this machine alone, until it is closed. */
export async function servePage({ context, session, port }: PageOptions): Promise<RunningPage> {
  // One after the other: where no agent runs, each question opens the database for itself.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (run: () => unknown): Promise<unknown> => {
    const mine = turn.then(run);
    turn = mine.catch(() => undefined);
    return mine;
  };
  let around: Around | null = null;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (around === null) response.destroy();
    else answer(request, response, around).catch((error: unknown) => refuse(response, error));
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await listenOn(server, port);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens has a port");
  const origin = `http://${ADDRESS}:${address.port}`;
  const cookie = sessionCookie(String(address.port));
  around = { origin, cookie, session, inTurn, routes: routesOf(context, session, cookie) };
  return {
    origin,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await turn;
      // Its answer is written by then.
      await new Promise((resolve) => setImmediate(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function routesOf(context: CommandContext, session: PageSession, name: string): Readonly<Record<string, Route>> {
  const looks = new Looks(context);
  const releases = new ReleaseLooks(context);
  return {
    "POST /api/login": ({ body, response }) => {
      const { cookie, page } = session.open(LoginRequest.parse(body).token);
      response.setHeader("set-cookie", `${name}=${cookie}; HttpOnly; SameSite=Strict; Path=/`);
      return { page, program: session.program };
    },
    "POST /api/logout": () => {
      session.end();
      return {};
    },
    "GET /api/session": async () => ({ ...(await looks.session()), program: session.program }),
    "GET /api/budgets": () => looks.budgets(),
    "GET /api/history": ({ query }) => looks.history(HistoryQuery.parse(query)),
    "GET /api/requests": () => looks.requests(),
    "GET /api/releases": () => releases.releases(),
    "GET /api/ledger": ({ query }) => looks.ledger(LedgerQuery.parse(query)),
    "GET /api/data": () => looks.data(),
    "POST /api/report": ({ body }) => makeReport(context, CheckRequest.parse(body)),
    "POST /api/check": ({ body }) => check(context, CheckRequest.parse(body)),
    "POST /api/decide": ({ body }) => counted(session, decide(context, Decision.parse(body))),
  };
}

/** A decision whose password may have been wrong. */
async function counted(session: PageSession, decided: Promise<Said>): Promise<Said> {
  try {
    return await decided;
  } catch (error) {
    if (error instanceof Failure && error.code === "steward/password-wrong") session.noteWrongPassword();
    throw error;
  }
}

interface Around {
  readonly origin: string;
  /** Name of the session's cookie. */
  readonly cookie: string;
  readonly routes: Readonly<Record<string, Route>>;
  readonly session: PageSession;
  readonly inTurn: (run: () => unknown) => Promise<unknown>;
}

async function answer(request: IncomingMessage, response: ServerResponse, around: Around): Promise<void> {
  const { origin, cookie, routes, session, inTurn } = around;
  const { method = "GET", headers, url = "/" } = request;
  if (`http://${headers.host}` !== origin) throw notHere();
  // A browser names the page that a request comes from; one from elsewhere is no steward's.
  if (headers.origin !== undefined && headers.origin !== origin) throw notHere();
  if (!URL.canParse(url, origin)) throw noRoute();
  const { pathname, searchParams } = new URL(url, origin);
  if (!pathname.startsWith("/api/")) return sendFile(pathname, method, response);
  const name = `${method} ${pathname}`;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (route === undefined) throw noRoute();
  if (method === "POST" && headers["content-type"] !== "application/json") throw noRoute();
  const requireSession = (): void => {
    if (name !== "POST /api/login") session.require(cookieOf(request, cookie), header(headers[PAGE_HEADER]));
  };
  requireSession();
  const body = method === "POST" ? await bodyOf(request) : undefined;
  const reply = await inTurn(() => {
    // Again: what waited for its turn may have outlived the session.
    requireSession();
    return route({ query: Object.fromEntries(searchParams), body, response });
  });
  json(response, 200, reply);
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(portTaken(port, cause)));
    server.listen(port, ADDRESS, resolve);
  });
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw noRoute(cause);
  }
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

async function sendFile(pathname: string, method: string, response: ServerResponse): Promise<void> {
  const file = method === "GET" || method === "HEAD" ? await pageFile(pathname) : null;
  if (file === null) throw noRoute();
  response.setHeader("content-type", file.media);
  response.end(method === "HEAD" ? undefined : file.bytes);
}

const STATUS: Readonly<Record<string, number>> = {
  "session/none": 401,
  "session/link-unknown": 401,
  "page/not-here": 403,
  "page/no-route": 404,
  "page/too-large": 413,
};

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const refusal = error instanceof ZodError ? malformed(error) : toRefusal(error);
  const isOurs = error instanceof Failure || error instanceof ZodError;
  json(response, STATUS[refusal.code] ?? (isOurs ? 400 : 500), refusal);
}

function json(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(content));
}

function malformed({ issues: [issue] }: z.ZodError): Refusal {
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  const what = `${where}${issue?.message ?? "it has the wrong form"}.`;
  return { code: "page/malformed", kind: "usage", what, remedy: "Correct it and try again; nothing was decided." };
}

function notHere(): Failure {
  return new Failure({
    code: "page/not-here",
    kind: "refused",
    what: "This page answers under its own address alone, and to no other page.",
    remedy: "Open the link that consilium-site page printed.",
  });
}

function noRoute(cause?: unknown): Failure {
  return new Failure({
    code: "page/no-route",
    kind: "usage",
    what: "The page knows no such question.",
    remedy: "Reload the page.",
    cause,
  });
}

function tooLarge(): Failure {
  return new Failure({
    code: "page/too-large",
    kind: "usage",
    what: `A question has at most ${BODY_BYTES_MAX} bytes.`,
    remedy: "Shorten the reason.",
  });
}

function portTaken(port: number, cause: unknown): Failure {
  return new Failure({
    code: "page/port-taken",
    kind: "usage",
    what: `Port ${port} of ${ADDRESS} can't be listened on.`,
    remedy: "Leave out --port, or name another.",
    cause,
  });
}
