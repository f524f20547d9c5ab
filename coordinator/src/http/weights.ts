import { Failure } from "@consilium/shared/failure/failure";
import { WEIGHTS_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { Digest } from "@consilium/shared/units/identity";
import type { BlobFolder } from "../storage/blobFolder.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { WeightsReceipt } from "./views.ts";

export function weightsPath(digest: string): string {
  return `/api/weights/${digest}`;
}

/** Weights files come before the study that names them: a proposal without its file is refused. */
export function weightsEndpoints({ world }: Service): Endpoint[] {
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
        return { digest, bytes: await receiveWeights(world.weights, digest, chunks) };
      },
    }),
  ];
}

/** Streams a body into the folder; nothing stays of one that is too large, broken off or not what its name says. */
export async function receiveWeights(
  folder: BlobFolder,
  digest: Digest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<number> {
  const writer = await folder.writer();
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > WEIGHTS_BYTES_MAX) throw tooLarge();
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
    what: `A weights file has at most ${WEIGHTS_BYTES_MAX} bytes.`,
    remedy: "Propose a study of a smaller network.",
  });
}
