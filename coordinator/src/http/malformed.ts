import type { Refusal } from "@consilium/shared/failure/failure";
import type { ZodError, z } from "zod";

/** More than these help nobody. */
const FIELDS_MAX = 5;
const TEXT_MAX = 1000;

/** Names each field that hasn't its form, and what was expected of it. */
export function malformed({ issues }: ZodError): Refusal {
  const said = issues.slice(0, FIELDS_MAX).map((issue) => `${nameOf(issue)}: ${issue.message}`);
  const more = issues.length > FIELDS_MAX ? ` (and ${issues.length - FIELDS_MAX} more)` : "";
  const isWhole = issues.some(({ path, code }) => path.length === 0 && code === "invalid_type");
  return {
    code: "http/malformed",
    kind: "usage",
    what: `The request hasn't the form that this route takes. ${said.join("; ")}${more}.`.slice(0, TEXT_MAX),
    remedy: isWhole
      ? "Send one JSON object, with the header content-type: application/json."
      : `Correct ${[...new Set(issues.slice(0, FIELDS_MAX).map(nameOf))].join(", ")} and send it again.`.slice(
          0,
          TEXT_MAX,
        ),
  };
}

/** The field's path as one writes it, `sites[0].name`; keys that nobody knows are named themselves. */
function nameOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.reduce<string>(
    (whole, key) => (typeof key === "number" ? `${whole}[${key}]` : `${whole}${whole === "" ? "" : "."}${String(key)}`),
    "",
  );
  const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
  const names = unknown.map((key) => (path === "" ? key : `${path}.${key}`));
  return names.length > 0 ? names.join(", ") : path === "" ? "the body" : path;
}

/** What express throws for a request that it can't read: `type` names what of the body was at fault, if it was. */
export interface HttpError extends Error {
  readonly status: number;
  readonly type?: unknown;
}

export function isHttpError(error: unknown): error is HttpError {
  return error instanceof Error && "status" in error && typeof error.status === "number" && error.status < 500;
}

export function unreadable({ status, type }: HttpError): Refusal {
  const kind = "usage";
  if (status === 404) {
    const what = "There is no such file.";
    return { code: "http/not-found", kind, what, remedy: "See all releases: consilium release list." };
  }
  if (status === 413) {
    const what = "The request's body is larger than this route takes.";
    return { code: "http/body-too-large", kind, what, remedy: "Send less at once; no study document is that large." };
  }
  const what = typeof type === "string" ? "The request's body is not JSON." : "The request's address can't be read.";
  const remedy = typeof type === "string" ? "Send one JSON object." : "Write % and other signs of the path as URLs do.";
  return { code: "http/unreadable", kind, what, remedy };
}
