import { digestOf } from "../encoding/digest.ts";
import { type PartyName, Signature } from "../units/identity.ts";
import { type ChainTip, LedgerBody, LedgerEntry } from "./entry.ts";

/**
 * A line of our own, quickly: its frame must stand as `chain.ts` sets it, so that only the body is parsed, and what was
 * hashed is cut out of the line instead of being encoded anew. Null for any other line: the strict way says why.
 */
export function readOwn(line: string, { writer, sequence: before, hash: previousHash }: ChainTip): LedgerEntry | null {
  const sequence = before + 1;
  const bodyAt = line.indexOf(BODY) + BODY.length;
  const hashAt = line.lastIndexOf(HASH) + 1;
  const place = `"previousHash":"${previousHash}","sequence":${sequence},`;
  const placeAt = hashAt + HASH.length - 1 + previousHash.length + '",'.length;
  if (!line.startsWith(AT) || bodyAt > hashAt || !line.startsWith(place, placeAt)) return null;
  const end = line.slice(placeAt + place.length);
  const signed = signedIn(end, writer, sequence);
  if (signed === null) return null;
  const hash = digestOf(line.slice(0, hashAt) + place + end.slice(signed.unhashed));
  const at = Time.safeParse(line.slice(AT.length, bodyAt - BODY.length));
  const body = LedgerBody.safeParse(parseJson(line.slice(bodyAt, hashAt - 1)));
  if (!line.startsWith(`"hash":"${hash}",`, hashAt) || !at.success || !body.success) return null;
  return { writer, sequence, previousHash, at: at.data, body: body.data, hash, ...signed.by };
}

const AT = '{"at":"';
const BODY = '","body":';
const HASH = ',"hash":"';
const Time = LedgerEntry.shape.at;

/** What the end of a line says of its signature, and how many of its characters are not hashed. */
function signedIn(
  end: string,
  writer: PartyName,
  sequence: number,
): { readonly by: Pick<LedgerEntry, "signature" | "signedWith">; readonly unhashed: number } | null {
  const [, name, value = ""] = SIGNED.exec(end) ?? [];
  const piece = `"${name}":${value},`;
  if (end !== `${piece}"writer":"${writer}"}`) return null;
  if (name === "signedWith") {
    const signedWith = Number(value);
    return signedWith > sequence ? { by: { signedWith }, unhashed: 0 } : null;
  }
  const signature = Signature.safeParse(value.slice(1, -1));
  return signature.success ? { by: { signature: signature.data }, unhashed: piece.length } : null;
}

const SIGNED = /^"(signature|signedWith)":("[^"]*"|[1-9][0-9]*),/;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // What is no JSON is no body.
  }
}
