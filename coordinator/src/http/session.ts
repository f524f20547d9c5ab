import { Failure } from "@consilium/shared/failure/failure";
import type { CookieOptions, Request } from "express";
import { z } from "zod";
import {
  endSession,
  inviteAccount,
  redeemLogin,
  type Session,
  sessionOf,
  tokenHolder,
} from "../consortium/accounts.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { LoginLink } from "./shownOnce.ts";
import { LoginRequest, Role, SessionView } from "./views.ts";

export const SESSION_COOKIE = "consilium-session";

export const AccountInvitation = z
  .strictObject({ name: z.string().min(1).max(40), role: Role })
  .meta({ id: "AccountInvitation" });

export function sessionEndpoints(service: Service): Endpoint[] {
  const { sql, clock, softwareVersion } = service.world;
  const cookie: CookieOptions = { httpOnly: true, sameSite: "strict", path: "/", secure: service.isSecure };
  const view = ({ name, role, endsAt }: Session) => ({
    name,
    role,
    endsAt,
    consortium: service.name,
    version: softwareVersion,
    dataFolder: role === "lead" ? service.dataFolder : null,
  });
  return [
    endpoint({
      method: "post",
      path: "/api/login",
      summary: "Trades a one-time link's token for a session",
      access: "public",
      perMinuteMax: 20,
      body: LoginRequest,
      reply: SessionView,
      handle: ({ body, response }) => {
        const redeemed = redeemLogin(sql, body.token, { now: clock.now(), random: service.random });
        if (redeemed === null) throw linkUnknown();
        const { secret, session } = redeemed;
        response.cookie(SESSION_COOKIE, secret, { ...cookie, expires: new Date(session.endsAt) });
        return view(session);
      },
    }),
    endpoint({
      method: "post",
      path: "/api/logout",
      summary: "Ends the session",
      handle: ({ request, response }) => {
        const secret = cookieOf(request, SESSION_COOKIE);
        if (secret !== undefined) endSession(sql, secret);
        response.clearCookie(SESSION_COOKIE, cookie);
      },
    }),
    endpoint({
      method: "get",
      path: "/api/session",
      summary: "Who is logged in",
      reply: SessionView,
      handle: ({ session }) => {
        if (session === null) throw notLoggedIn();
        return view(session);
      },
    }),
    endpoint({
      method: "post",
      path: "/api/accounts",
      summary: "Invites a person: a one-time link",
      access: "lead",
      body: AccountInvitation,
      reply: LoginLink,
      handle: ({ body }) => {
        const token = inviteAccount(sql, body, { now: clock.now(), random: service.random });
        return { link: `${service.peopleUrl()}/login#${token}`, validHours: 24 };
      },
    }),
  ];
}

/** The session of a request: by its cookie, or by the API token of a command. */
export function authenticate(service: Service, request: Request): Session | null {
  const { sql, clock } = service.world;
  const bearer = /^Bearer ([A-Za-z0-9_-]{20,200})$/.exec(request.headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return tokenHolder(sql, bearer);
  const secret = cookieOf(request, SESSION_COOKIE);
  return secret === undefined ? null : sessionOf(sql, secret, clock.now());
}

export function notLoggedIn(): Failure {
  return new Failure({
    code: "session/none",
    kind: "refused",
    what: "Nobody is logged in.",
    remedy: "Ask the lead for a login link: consilium account invite NAME --role observer.",
  });
}

export function notAllowed(): Failure {
  return new Failure({
    code: "session/not-allowed",
    kind: "refused",
    what: "This is for a lead.",
    remedy: "Ask a lead of the consortium to do it.",
  });
}

function linkUnknown(): Failure {
  return new Failure({
    code: "session/link-unknown",
    kind: "refused",
    what: "The login link is unknown, used or over.",
    remedy: "Ask the lead for a new one: consilium account invite NAME --role ROLE.",
  });
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value !== undefined && value !== "") return value;
  }
  return undefined;
}
