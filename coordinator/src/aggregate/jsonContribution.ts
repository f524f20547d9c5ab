import { readFile } from "node:fs/promises";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Failure } from "@consilium/shared/failure/failure";
import type { z } from "zod";
import type { ContributionSource } from "../round/run.ts";

/** A contribution's bytes, wherever they came. */
export async function bytesOf(source: ContributionSource): Promise<Uint8Array> {
  return "bytes" in source ? source.bytes : readFile(source.path);
}

/** What a contribution that is JSON holds; throws on anything but the schema's one canonical form. `what` names it. */
export function jsonContribution<Value>(bytes: Uint8Array, schema: z.ZodType<Value>, what: string): Value {
  const text = Buffer.from(bytes).toString("utf8");
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success && canonicalJson(parsed.data) === text) return parsed.data;
  throw malformed(what, "can't be read");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `what` names the contribution, `how` what is wrong with it. */
export function malformed(what: string, how: string): Failure {
  return new Failure({
    code: "contribution/malformed",
    kind: "refused",
    what: `${what} ${how}.`,
    remedy: "Check that both sides hold the same study and version, then send it again.",
  });
}
