import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";

/** SHA-256 of a file, read in pieces: a wheel is larger than one wants in memory. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Refuses a file that isn't the one that was pinned, or that whoever installs has named by its digest. */
export function requireDigest(path: string, found: string, expected: string): void {
  if (found === expected) return;
  throw new Failure({
    code: "engine/other-file",
    kind: "refused",
    what: `${basename(path)} has SHA-256 ${found}; expected was ${expected}. It is another file, or was changed.`,
    remedy: "Fetch it again. If it is a library that you trust, name its digest: --sha256 HEX",
    fields: { found, expected },
  });
}
