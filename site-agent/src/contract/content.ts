import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Failure } from "@consilium/shared/failure/failure";
import type { DataContract } from "@consilium/shared/study/contract";
import { Digest } from "@consilium/shared/units/identity";
import { isSplitByKey } from "../split/keyedHash.ts";

const READ_BYTES = 1024 * 1024;

/** A data set's file as it was registered; null where its content was not recorded then. */
export interface RegisteredFile {
  readonly dataset: string;
  readonly path: string;
  readonly content: Digest | null;
}

/** SHA-256 of a file's bytes. */
export async function contentOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk);
  return Digest.parse(hash.digest("hex"));
}

/**
 * Refuses data that changed since they were registered, where the change could move a patient to another part: without
 * a patient key a row's number is the key, and a split column may say something else now. What such a patient paid in
 * one part would not count in the other.
 */
export async function requireUnchanged(
  { dataset, path, content }: RegisteredFile,
  contract: DataContract,
): Promise<void> {
  if (isSplitByKey(contract) || content === null || content === (await contentOf(path))) return;
  throw new Failure({
    code: "data/changed",
    kind: "config",
    what: `The file of ${dataset} is not the one that was registered, and this study's split depends on the file.`,
    remedy:
      "Put the registered file back. Data that grow need a patient key, and a study that splits by it: no split column.",
  });
}
