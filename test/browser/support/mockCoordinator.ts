import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { type ChangeNotice, LoginRequest } from "@consilium/coordinator/http/views";
import { answersAt, COMMITTED, faultyPlan, planAnswers, type Stage } from "./fixtures.ts";
import { spendingHistory } from "./spendingFixture.ts";

/** As the coordinator sends it: nothing from elsewhere, no inline script. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:; " +
  "object-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'";

const MEDIA: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export const LOGIN_TOKEN = "one-time-token";

/** A coordinator's people side without a coordinator: the built dashboard, and fixtures for its routes. */
export class MockCoordinator {
  stage: Stage = "training";
  signedIn = true;
  /** How long a plan takes, and whether one comes too soon after many others. */
  planMs = 0;
  planIsLate = false;
  /** A path that has no answer. */
  failing: string | null = null;
  /** A path whose answers wait, already made, until `letGo`. */
  held: string | null = null;
  private readonly waiting: (() => void)[] = [];
  /** Paths of the API that were asked, oldest first. */
  readonly asked: string[] = [];
  private readonly streams = new Set<ServerResponse>();
  private readonly server: Server;

  constructor(private readonly page: string) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("The server listens on a port.");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  notify(notice: ChangeNotice): void {
    for (const stream of this.streams) stream.write(`data: ${JSON.stringify(notice)}\n\n`);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    response.setHeader("content-security-policy", CONTENT_SECURITY_POLICY);
    if (!pathname.startsWith("/api/")) this.file(pathname, response);
    else this.route(pathname, searchParams, request, response);
  }

  private route(pathname: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(pathname);
    const answer =
      pathname === "/api/budgets/history"
        ? spendingHistory(query, COMMITTED[this.stage])
        : { ...answersAt(this.stage), ...planAnswers }[pathname];
    if (pathname === "/api/login") this.login(request, response);
    else if (!this.signedIn) refuse(response, 401, "You are not signed in.", "Ask for a one-time link.");
    else if (pathname === "/api/events") this.stream(response);
    else if (pathname === "/api/plan") this.plan(request, response);
    else if (answer === undefined || answer === null || pathname === this.failing)
      refuse(response, 404, "There is none yet.", "Wait for it.");
    else if (pathname === this.held) this.waiting.push(() => json(response, 200, answer));
    else json(response, 200, answer);
  }

  /** Sends what was held, and holds nothing more. */
  letGo(): void {
    this.held = null;
    for (const send of this.waiting.splice(0)) send();
  }

  private login(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      const { token } = LoginRequest.parse(JSON.parse(text));
      this.signedIn = token === LOGIN_TOKEN;
      if (this.signedIn) json(response, 200, answersAt(this.stage)["/api/session"]);
      else
        refuse(
          response,
          401,
          "This link was used already.",
          "Make another: consilium account invite NAME --role observer",
        );
    });
  }

  private plan(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    request.on("end", () => {
      const wait = "Too many calls came from this address within a minute.";
      if (this.planIsLate) return refuse(response, 429, wait, "Wait a minute, then try again.");
      const plan = text.includes("epsilon: -4") ? faultyPlan : planAnswers["/api/plan"];
      setTimeout(() => json(response, 200, plan), this.planMs);
    });
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }

  private file(pathname: string, response: ServerResponse): void {
    const name = extname(pathname) === "" ? "/index.html" : normalize(pathname);
    const path = join(this.page, name);
    if (!existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", MEDIA[extname(name)] ?? "application/octet-stream");
    response.end(readFileSync(path));
  }
}

function json(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(content));
}

function refuse(response: ServerResponse, status: number, what: string, remedy: string): void {
  json(response, status, { code: "mock/refused", kind: "refused", what, remedy });
}
