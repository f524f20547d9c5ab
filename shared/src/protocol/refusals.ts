import type { Refusal } from "../failure/failure.ts";

/** Why a message, a connection or a transfer is refused before any handler sees it. */
const REASONS = {
  "message/malformed": "The message can't be read.",
  "message/unknown": "The message is none that this party takes, or has fields of the wrong form.",
  "message/oversize": "The message is larger than the protocol allows.",
  "message/signature-invalid": "The message is not signed by the key that is pinned for its sender.",
  "message/altered": "The message's content is not what was signed.",
  "protocol/version-unknown": "The other party speaks another version of the protocol.",
  "session/none": "The message came before the session had begun.",
  "session/begun": "The session has begun already.",
  "session/foreign": "The message belongs to another session.",
  "session/not-you": "The message names another sender than the certificate of its connection.",
  "session/replayed": "The message came before.",
  "session/out-of-sequence": "A message before this one is missing.",
  "site/unknown": "The site is not on the consortium's roster.",
  "site/revoked": "The site or its certificate was revoked.",
  "certificate/subject-invalid": "The certificate doesn't name a site.",
  "certificate/expired": "The certificate is over.",
  "link/busy": "Too many messages are waiting for their answers.",
  "link/too-many-messages": "Too many messages came within a second.",
  "link/too-many-refusals": "Too many messages of this link were refused.",
  "link/handshake-late": "The session didn't begin in time.",
  "transfer/malformed": "The transfer's path, length or range can't be used.",
  "transfer/not-expected": "Nobody expects this upload from this site.",
  "transfer/too-large": "The upload is larger than announced.",
  "transfer/offset-wrong": "The upload doesn't go on where the last one stopped.",
  "transfer/digest-mismatch": "The bytes don't have the digest that names them.",
  "transfer/too-many": "The site has too many transfers open.",
  "transfer/not-stored": "The bytes could not be stored.",
  "transfer/unknown-blob": "There is no such file for this site.",
  "tls/handshake-refused": "The TLS handshake failed: no TLS 1.3, or no valid certificate of this consortium.",
} as const;

export type RefusalCode = keyof typeof REASONS;

const REMEDIES: Partial<Record<RefusalCode, string>> = {
  "protocol/version-unknown": "Install the same version of Consilium at both ends.",
  "site/unknown": "Enrol the site with a new token: consilium-site join TOKEN.",
  "site/revoked": "Ask the lead why; a site that may come back enrols with a new token.",
  "certificate/expired": "Renew it; after its end, enrol with a new token: consilium-site join TOKEN.",
  "message/signature-invalid": "Compare fingerprints with the lead by telephone; enrol again if keys were lost.",
  "transfer/not-stored": "Free space on the coordinator's disk; the site tries again by itself.",
};

export function refusalFor(code: RefusalCode): Refusal {
  const remedy = REMEDIES[code] ?? "The agent connects and sends again by itself; if this comes back, report it.";
  return { code, kind: "refused", what: REASONS[code], remedy };
}
