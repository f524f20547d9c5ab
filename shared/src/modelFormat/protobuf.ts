import { assert } from "../failure/failure.ts";

/** Bytes of a message or of one of its fields, in parts: large tensors are copied once, at the end. */
export interface Encoded {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Fields in the order given: the same fields make the same bytes. */
export function message(...fields: readonly Encoded[]): Encoded {
  return {
    parts: fields.flatMap(({ parts }) => parts),
    length: fields.reduce((sum, { length }) => sum + length, 0),
  };
}

/** A whole number; one below 0 takes ten bytes, as two's complement of 64 bits. */
export function integer(field: number, value: number | bigint): Encoded {
  return encoded(varint(tag(field, VARINT)), varint(BigInt.asUintN(64, BigInt(value))));
}

export function text(field: number, value: string): Encoded {
  return bytes(field, new TextEncoder().encode(value));
}

export function bytes(field: number, value: Uint8Array): Encoded {
  return within(field, encoded(value));
}

/** A message as another's field. */
export function within(field: number, inner: Encoded): Encoded {
  return message(encoded(varint(tag(field, LENGTH_DELIMITED)), varint(BigInt(inner.length))), inner);
}

export function wholeOf({ parts, length }: Encoded): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  assert(position === length, "a message is as long as its parts");
  return whole;
}

function encoded(...parts: readonly Uint8Array[]): Encoded {
  return { parts, length: parts.reduce((sum, part) => sum + part.length, 0) };
}

function tag(field: number, wire: number): bigint {
  return BigInt(field * 8 + wire);
}

/** Seven bits a byte, the lowest first; all but the last are marked. */
function varint(value: bigint): Uint8Array {
  const digits: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    digits.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.of(...digits, Number(rest));
}
