import type { IncomingHttpHeaders } from "node:http";
import { Failure } from "@consilium/shared/failure/failure";
import { WEIGHTS_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { Digest } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { BlobFolder, BlobWriter } from "../storage/blobFolder.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";

export const WeightsReceipt = z
  .strictObject({ digest: Digest, bytes: z.number().int().nonnegative() })
  .meta({ id: "WeightsReceipt" });

export function weightsPath(digest: string): string {
  return `/api/weights/${digest}`;
}

/** Weights files come before the study that names them: a proposal without its file is refused. */
export function weightsEndpoints({ weightsRoom }: Service): Endpoint[] {
  return [
    endpoint({
      method: "post",
      path: weightsPath(":digest"),
      summary: "Stores the weights file of a study to be proposed: bytes, named by their SHA-256",
      access: "lead",
      perMinuteMax: 10,
      takesBytes: true,
      reply: WeightsReceipt,
      handle: async ({ params, request }) => {
        const digest = Digest.parse(params.digest);
        const chunks = request.iterator({ destroyOnReturn: false });
        return { digest, bytes: await weightsRoom.receive(digest, announcedBytes(request.headers), chunks) };
      },
    }),
  ];
}

/** Bytes that a request says it has; one that doesn't say may have the most. */
function announcedBytes(headers: IncomingHttpHeaders): number {
  const length = Number(headers["content-length"] ?? WEIGHTS_BYTES_MAX);
  return Number.isSafeInteger(length) && length >= 0 ? length : WEIGHTS_BYTES_MAX;
}

/** The folder of weights files and what it may hold in all. */
export class WeightsRoom {
  readonly #folder: BlobFolder;
  readonly #bytesMax: number;
  /** Bytes that uploads under way may still bring. */
  #expected = 0;

  constructor(folder: BlobFolder, bytesMax: number) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  /**
   * Streams a body of at most `announced` bytes into the folder, for which there must be room before the first. Nothing
   * stays of one that is too large, broken off or not what its name says.
   */
  async receive(digest: Digest, announced: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    if (announced > WEIGHTS_BYTES_MAX) throw tooLarge();
    this.#expected += announced;
    try {
      // Those under way are counted first: one that ends meanwhile may count twice, never not at all.
      const expected = this.#expected;
      const stored = await this.#folder.bytesBeside(digest);
      if (stored + expected > this.#bytesMax) throw this.#noRoom(announced, stored);
      return await receiveInto(await this.#folder.writer(), digest, announced, chunks);
    } finally {
      this.#expected -= announced;
    }
  }

  #noRoom(announced: number, stored: number): Failure {
    const inMiB = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
    return new Failure({
      code: "weights/no-room",
      kind: "refused",
      what:
        `There is no room for a weights file of ${inMiB(announced)}: the coordinator keeps ${inMiB(stored)} of them, ` +
        `and at most ${inMiB(this.#bytesMax)} in all.`,
      remedy:
        "Restart the coordinator, which removes files of studies that were never proposed, or raise weightsMiB in its " +
        "coordinator.yaml.",
    });
  }
}

async function receiveInto(
  writer: BlobWriter,
  digest: Digest,
  announced: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<number> {
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > announced) throw tooLarge();
      await writer.push(chunk);
    }
    if (await writer.finishAs(digest)) return bytes;
  } catch (error) {
    await writer.discard();
    throw error;
  }
  throw new Failure({
    code: "weights/digest-mismatch",
    kind: "refused",
    what: `The ${bytes} bytes that came are not the weights file ${digest.slice(0, 12)}….`,
    remedy: "Send the file again, under its own SHA-256.",
  });
}

function tooLarge(): Failure {
  return new Failure({
    code: "weights/too-large",
    kind: "refused",
    what: `A weights file has at most ${WEIGHTS_BYTES_MAX} bytes, and no more than its request says.`,
    remedy: "Propose a study of a smaller network.",
  });
}
