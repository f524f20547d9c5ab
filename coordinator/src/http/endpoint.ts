import type { Request, Response } from "express";
import type { z } from "zod";
import type { Session } from "../consortium/accounts.ts";

/** Who may call: anyone, whoever has an account, or a lead. */
export type Access = "public" | "member" | "lead";

/** One call, checked: its session may call, its body has the form. */
export interface Call<Body> {
  readonly body: Body;
  readonly session: Session | null;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly request: Request;
  readonly response: Response;
}

/** One route: what OpenAPI says of it is what is checked. */
export interface Endpoint {
  readonly method: "get" | "post";
  /** As express reads it: `/api/studies/:study`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  /** At most so many calls a minute from one address. */
  readonly perMinuteMax: number | undefined;
  readonly body: z.ZodType | undefined;
  /** The body is bytes that the handler reads from the request itself. */
  readonly takesBytes: boolean;
  /** Undefined: no content, or a stream that the handler writes itself. */
  readonly reply: z.ZodType | undefined;
  readonly handle: (call: Call<unknown>) => unknown;
}

interface Definition<Body, Reply> {
  readonly method: "get" | "post";
  readonly path: string;
  readonly summary: string;
  readonly access?: Access;
  readonly perMinuteMax?: number;
  readonly body?: z.ZodType<Body>;
  readonly takesBytes?: boolean;
  readonly reply?: z.ZodType<unknown, Reply>;
  readonly handle: (call: Call<Body>) => NoInfer<Reply> | Promise<NoInfer<Reply>>;
}

/** Ties a handler to the schemas of its body and reply; nothing that the reply's schema doesn't name leaves. */
export function endpoint<Body = undefined, Reply = void>(definition: Definition<Body, Reply>): Endpoint {
  const { method, path, summary, access = "member", perMinuteMax, body, takesBytes = false, reply } = definition;
  const handleChecked = (call: Call<unknown>): unknown =>
    definition.handle({ ...call, body: parseBody(body, call.body) });
  return { method, path, summary, access, perMinuteMax, body, takesBytes, reply, handle: handleChecked };
}

/** Without a schema there is no body to read. */
function parseBody<Body>(schema: z.ZodType<Body> | undefined, body: unknown): Body {
  return schema === undefined ? (undefined as Body) : schema.parse(body);
}
