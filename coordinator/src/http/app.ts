import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from "express";
import { rateLimit } from "express-rate-limit";
import helmet from "helmet";
import { ZodError, type ZodType } from "zod";
import { auditEndpoints } from "./audits.ts";
import { budgetEndpoints } from "./budgets.ts";
import type { Endpoint } from "./endpoint.ts";
import { enrolmentEndpoints } from "./enrolment.ts";
import { eventEndpoints } from "./events.ts";
import { ledgerEndpoints } from "./ledger.ts";
import { isHttpError, malformed, unreadable } from "./malformed.ts";
import { openApiDocument } from "./openapi.ts";
import { planEndpoints } from "./plans.ts";
import { releaseEndpoints } from "./releases.ts";
import { roundEndpoints } from "./rounds.ts";
import type { Service } from "./service.ts";
import { authenticate, notAllowed, notLoggedIn, sessionEndpoints } from "./session.ts";
import { siteEndpoints } from "./sites.ts";
import { spendingEndpoints } from "./spending.ts";
import { studyEndpoints } from "./studies.ts";
import { weightsEndpoints } from "./weights.ts";

/** A study document with some thousand columns. */
const BODY_BYTES_MAX = "4mb";
/** Calls a minute from one address, where a route says nothing stricter. */
const CALLS_PER_MINUTE_MAX = 6000;
const MINUTE_MS = 60_000;

/** The people's listener: REST, live notices and the dashboard. */
export function createApp(service: Service): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(helmet({ contentSecurityPolicy: { directives: policy(service.isSecure) }, hsts: service.isSecure }));
  app.use(
    rateLimit({ windowMs: MINUTE_MS, limit: CALLS_PER_MINUTE_MAX, standardHeaders: false, legacyHeaders: false }),
  );
  app.use(express.json({ limit: BODY_BYTES_MAX, strict: true }));
  const endpoints = allEndpoints(service);
  for (const endpoint of endpoints) {
    const limits: RequestHandler[] = endpoint.perMinuteMax === undefined ? [] : [limitTo(endpoint.perMinuteMax)];
    app[endpoint.method](endpoint.path, ...limits, answer(service, endpoint));
  }
  const document = openApiDocument(endpoints, service.world.softwareVersion);
  app.get("/api/openapi.json", (_request, response) => void response.json(document));
  app.use("/api", (request, _response, next) => next(notFound(request)));
  servePage(app);
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else refuse(service, response, error);
  });
  return app;
}

/** One router per resource. */
export function allEndpoints(service: Service): readonly Endpoint[] {
  return [
    ...sessionEndpoints(service),
    ...studyEndpoints(service),
    ...weightsEndpoints(service),
    ...planEndpoints(service),
    ...roundEndpoints(service),
    ...budgetEndpoints(service),
    ...spendingEndpoints(service),
    ...auditEndpoints(service),
    ...siteEndpoints(service),
    ...releaseEndpoints(service),
    ...ledgerEndpoints(service),
    ...enrolmentEndpoints(service),
    ...eventEndpoints(service),
  ];
}

/** Checks who calls, then what is said; express hands a rejection to the error handler. */
function answer(service: Service, endpoint: Endpoint): RequestHandler {
  return async (request, response) => {
    const session = authenticate(service, request);
    if (endpoint.access !== "public" && session === null) throw notLoggedIn();
    if (endpoint.access === "lead" && session?.role !== "lead") throw notAllowed();
    const [params, query] = [textsOf(request.params), textsOf(request.query)];
    const body: unknown = request.body;
    const reply = await endpoint.handle({ body, session, params, query, request, response });
    if (response.headersSent) return;
    response.setHeader("cache-control", "no-store");
    if (endpoint.reply === undefined) response.status(204).end();
    else response.json(checkedReply(endpoint.reply, reply));
  };
}

/** A reply of another form is this program's fault, never the caller's. */
function checkedReply(schema: ZodType, reply: unknown): unknown {
  const checked = schema.safeParse(reply);
  if (checked.success) return checked.data;
  throw new Error("a reply hasn't the form that its route names", { cause: checked.error });
}

function textsOf(values: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, string][] =>
      typeof value === "string" ? [[name, value]] : Array.isArray(value) ? [[name, value.join("/")]] : [],
    ),
  );
}

function limitTo(limit: number): RequestHandler {
  return rateLimit({
    windowMs: MINUTE_MS,
    limit,
    standardHeaders: true,
    legacyHeaders: false,
    handler: (_request, response) => void response.status(429).json(tooManyCalls()),
  });
}

const STATUS: Readonly<Record<string, number>> = {
  "session/none": 401,
  "session/not-allowed": 403,
  "session/link-unknown": 401,
  "http/not-found": 404,
  "study/unknown": 404,
  "budget/unknown": 404,
  "study/begun": 409,
  "site/unknown": 404,
  "audit/none": 404,
  "release/none": 404,
  "study/not-possible": 409,
  "study/exists": 409,
  "study/name-taken": 409,
  "plan/busy": 429,
};

function refuse(service: Service, response: Response, error: unknown): void {
  if (error instanceof ZodError) {
    response.status(400).json(malformed(error));
    return;
  }
  if (isHttpError(error)) {
    response.status(error.status).json(unreadable(error));
    return;
  }
  const refusal = toRefusal(error);
  const isClients = error instanceof Failure;
  if (!isClients) service.world.logger.error("request-failed", { why: String(error).slice(0, 300) });
  response.status(STATUS[refusal.code] ?? (isClients ? 400 : 500)).json(refusal);
}

function tooManyCalls(): Refusal {
  const what = "Too many calls came from this address within a minute.";
  return { code: "http/too-many-calls", kind: "refused", what, remedy: "Wait a minute, then try again." };
}

function notFound({ method, originalUrl }: Request): Failure {
  return new Failure({
    code: "http/not-found",
    kind: "usage",
    what: `There is no route ${method} ${originalUrl.split("?")[0]?.slice(0, 200)}.`,
    remedy: "Check path and method: GET /api/openapi.json lists every route.",
  });
}

/** The built dashboard, beside this package's source or its build. */
const DASHBOARD = fileURLToPath(new URL("../../dashboard/dist", import.meta.url));

function servePage(app: Express): void {
  const page = join(DASHBOARD, "index.html");
  if (!existsSync(page)) {
    const message = "The dashboard is not built. Run: npm run build\n";
    app.get("/{*path}", (_request, response) => void response.status(503).type("text/plain").send(message));
    return;
  }
  app.use(express.static(DASHBOARD, { index: false, immutable: true, maxAge: "1y", fallthrough: true }));
  app.get("/{*path}", (_request, response) => {
    response.setHeader("cache-control", "no-cache");
    response.sendFile(page);
  });
}

/** The page loads nothing from elsewhere; its component library writes style attributes. */
function policy(isSecure: boolean): Record<string, string[] | null> {
  return {
    "default-src": ["'self'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "font-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],
    "upgrade-insecure-requests": isSecure ? [] : null,
  };
}
