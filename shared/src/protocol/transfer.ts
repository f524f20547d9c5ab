import { Digest } from "../units/identity.ts";
import { TRANSFER_BYTES_MAX } from "./limits.ts";

/**
 * Large bodies over HTTPS on the listener of the agents, named by their digest.
 * `PUT /transfer/upload/DIGEST` with `Content-Range: bytes START-END/TOTAL` goes on where the last one stopped;
 * `HEAD` tells where that is. `GET /transfer/blob/DIGEST` takes a `Range`.
 */
export const UPLOAD_PATH = "/transfer/upload/";
export const BLOB_PATH = "/transfer/blob/";

/** In answers to HEAD and PUT: how many bytes are there. */
export const UPLOAD_OFFSET_HEADER = "consilium-offset";
/** In a refusal: its code, as in a signed one. */
export const REFUSAL_HEADER = "consilium-refusal";

export type TransferTarget = { readonly kind: "upload" | "blob"; readonly digest: Digest };

/** What a request's path names; undefined for any other path. */
export function transferTarget(path: string): TransferTarget | undefined {
  for (const [prefix, kind] of PREFIXES) {
    if (!path.startsWith(prefix)) continue;
    const digest = Digest.safeParse(path.slice(prefix.length));
    if (digest.success) return { kind, digest: digest.data };
  }
  return undefined;
}

const PREFIXES = [
  [UPLOAD_PATH, "upload"],
  [BLOB_PATH, "blob"],
] as const;

/** The bytes [start, total) that a PUT brings. */
export interface UploadRange {
  readonly start: number;
  readonly total: number;
}

/** A PUT always brings everything that is missing: `bytes START-(TOTAL − 1)/TOTAL`. Empty uploads don't exist. */
export function parseContentRange(value: string | undefined): UploadRange | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(value ?? "");
  if (match === null) return undefined;
  const [start, end, total] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return start <= end && end === total - 1 && total <= TRANSFER_BYTES_MAX ? { start, total } : undefined;
}

export function formatContentRange({ start, total }: UploadRange): string {
  return `bytes ${start}-${total - 1}/${total}`;
}

/** First byte that a GET asks for: 0 without the header, undefined for a form other than `bytes=START-`. */
export function parseRange(value: string | undefined): number | undefined {
  if (value === undefined) return 0;
  const match = /^bytes=(\d{1,15})-$/.exec(value);
  return match === null ? undefined : Number(match[1]);
}
