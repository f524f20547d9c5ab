import { stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { TRANSFER_IDLE_MS } from "@consilium/shared/protocol/limits";
import type { RefusalCode } from "@consilium/shared/protocol/refusals";
import {
  parseContentRange,
  parseRange,
  REFUSAL_HEADER,
  transferTarget,
  UPLOAD_OFFSET_HEADER,
} from "@consilium/shared/protocol/transfer";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { fileChunks } from "@consilium/storage/fileChunks";
import type { Uploads } from "./uploads.ts";

export interface TransferOptions {
  readonly uploads: Uploads;
  /** Path of a file that this site may have; undefined for any other. */
  readonly blobFor: (site: SiteName, digest: Digest) => Promise<string | undefined>;
}

/** Serves one request of a site that its certificate has named. Resolves with the code of a refusal, if it was one. */
export async function serveTransfer(
  site: SiteName,
  request: IncomingMessage,
  response: ServerResponse,
  options: TransferOptions,
): Promise<RefusalCode | undefined> {
  request.setTimeout(TRANSFER_IDLE_MS, () => request.destroy());
  const target = transferTarget(request.url ?? "");
  const { method } = request;
  if (target?.kind === "upload" && method === "PUT") {
    return receiveUpload(site, target.digest, request, response, options.uploads);
  }
  if (target?.kind === "upload" && method === "HEAD") {
    response.writeHead(200, { [UPLOAD_OFFSET_HEADER]: options.uploads.offsetOf(site, target.digest) }).end();
    return undefined;
  }
  if (target?.kind === "blob" && (method === "GET" || method === "HEAD")) {
    return sendBlob(request, response, await options.blobFor(site, target.digest));
  }
  return refuseTransfer(response, "transfer/malformed");
}

/** Answers with the status of a refusal and its code; the connection ends, because a body may still be under way. */
export function refuseTransfer(response: ServerResponse, code: RefusalCode, offset = 0): RefusalCode {
  const headers = { [REFUSAL_HEADER]: code, [UPLOAD_OFFSET_HEADER]: offset, connection: "close" };
  if (!response.headersSent) response.writeHead(STATUS[code] ?? 403, headers);
  response.end();
  return code;
}

const STATUS: Partial<Record<RefusalCode, number>> = {
  "transfer/malformed": 400,
  "transfer/not-expected": 404,
  "transfer/unknown-blob": 404,
  "transfer/offset-wrong": 409,
  "transfer/too-large": 413,
  "transfer/digest-mismatch": 422,
  "transfer/too-many": 429,
  "transfer/not-stored": 507,
};

async function receiveUpload(
  site: SiteName,
  digest: Digest,
  request: IncomingMessage,
  response: ServerResponse,
  uploads: Uploads,
): Promise<RefusalCode | undefined> {
  const range = parseContentRange(request.headers["content-range"]);
  if (range === undefined || Number(request.headers["content-length"]) !== range.total - range.start) {
    return refuseTransfer(response, "transfer/malformed");
  }
  const received = await uploads.receive(site, digest, range, {
    accept: () => {
      if (request.headers.expect !== undefined) response.writeContinue();
    },
    chunks: request,
    stop: () => request.destroy(),
  });
  if ("refused" in received) return refuseTransfer(response, received.refused, uploads.offsetOf(site, digest));
  response.writeHead(received.isWhole ? 201 : 202, { [UPLOAD_OFFSET_HEADER]: received.offset }).end();
  return undefined;
}

async function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  path: string | undefined,
): Promise<RefusalCode | undefined> {
  const start = parseRange(request.headers.range);
  if (path === undefined) return refuseTransfer(response, "transfer/unknown-blob");
  const { size } = await stat(path);
  if (start === undefined || start > size) return refuseTransfer(response, "transfer/malformed");
  response.writeHead(start === 0 ? 200 : 206, {
    "content-type": "application/octet-stream",
    "content-length": size - start,
    ...(start === 0 ? {} : { "content-range": `bytes ${start}-${size - 1}/${size}` }),
  });
  if (request.method === "HEAD" || start === size) {
    response.end();
    return undefined;
  }
  await pipeline(fileChunks(path, start), response).catch((error: unknown) => {
    // A site that hangs up will ask for the rest; only a file that can't be read is a fault.
    if (!isHangUp(error)) throw error;
  });
  return undefined;
}

function isHangUp(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET" || code === "EPIPE";
}
