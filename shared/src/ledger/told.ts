import { Failure } from "../failure/failure.ts";
import { INLINE_BYTES_MAX, LEDGER_PARTS_MAX } from "../protocol/limits.ts";

/** One part of a ledger on its way to the other side, for a message of its own. */
export interface ToldPart {
  readonly part: number;
  readonly parts: number;
  readonly bytes: Uint8Array;
}

/** An exported ledger in parts that each fit an attachment; at least one. */
export function partsOf(text: string): readonly ToldPart[] {
  const bytes = new TextEncoder().encode(text);
  const parts = Math.max(1, Math.ceil(bytes.length / INLINE_BYTES_MAX));
  if (parts > LEDGER_PARTS_MAX) throw tooLong(bytes.length);
  return Array.from({ length: parts }, (_, index) => ({
    part: index + 1,
    parts,
    bytes: bytes.slice(index * INLINE_BYTES_MAX, (index + 1) * INLINE_BYTES_MAX),
  }));
}

/** Puts the parts together again. Whatever is out of its place, or empty, is refused. */
export class ToldParts {
  readonly #bytes: Uint8Array[] = [];
  #parts = 0;

  /** The whole text with its last part; null before. */
  add({ part, parts }: Omit<ToldPart, "bytes">, bytes: Uint8Array | undefined): string | null {
    const isFirst = this.#bytes.length === 0;
    if (bytes === undefined || part !== this.#bytes.length + 1 || (!isFirst && parts !== this.#parts)) {
      throw outOfPlace(part, parts);
    }
    this.#parts = parts;
    this.#bytes.push(bytes);
    return part === parts ? Buffer.concat(this.#bytes).toString("utf8") : null;
  }
}

function tooLong(bytes: number): Failure {
  return new Failure({
    code: "restore/ledger-too-long",
    kind: "refused",
    what: `This ledger's export has ${bytes} bytes, more than is told over a link.`,
    remedy: "Carry it as a file: budget export here, then consilium coordinator restore --site-ledger there.",
    fields: { bytes },
  });
}

function outOfPlace(part: number, parts: number): Failure {
  return new Failure({
    code: "restore/part-out-of-place",
    kind: "refused",
    what: `Part ${part} of ${parts} of a ledger came out of its place, or empty.`,
    remedy: "Begin the link anew: the ledger is told again from its first part.",
    fields: { part, parts },
  });
}
