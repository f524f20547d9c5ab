/** Contributions, aggregates and models up to this size ride in their message; larger ones are HTTPS transfers. */
export const INLINE_BYTES_MAX = 256 * 1024;

/** Parts of a ledger that is told after a restore, each of an attachment's size: 256 MiB, half a million entries. */
export const LEDGER_PARTS_MAX = 1024;

/** A message's JSON part. The largest is a study document with some thousand columns. */
export const MESSAGE_JSON_BYTES_MAX = 4 * 1024 * 1024;

/** A release's manifest in a message, characters: quoted in JSON it stays below `MESSAGE_JSON_BYTES_MAX`. */
export const MANIFEST_TEXT_MAX = 1024 ** 2;

/** A frame above this cuts the link, so senders check first. */
export const FRAME_BYTES_MAX = MESSAGE_JSON_BYTES_MAX + INLINE_BYTES_MAX + 64 * 1024;

/** One transfer: 2^31 parameters at 24 bits would be 6 GB; nobody trains that here. */
export const TRANSFER_BYTES_MAX = 2 * 1024 ** 3;

/** A study's weights file: 134 million numbers, ten times a ResNet-18. It is held in memory at both ends. */
export const WEIGHTS_BYTES_MAX = 512 * 1024 ** 2;

/** Somebody else's file of weights, as it is read: its numbers may be float64, and some of no use here. */
export const PRETRAINED_BYTES_MAX = 2 * WEIGHTS_BYTES_MAX;

/** A header names a message in some 600 bytes. */
export const HEADER_BYTES_MAX = 2048;

/** Between the TLS handshake and a site's first signed message; then the link is cut. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Wait for the reply to a message; at a site it covers the times in which the link is down. */
export const REPLY_TIMEOUT_MS = 120_000;

/** How long an acceptance that nobody waits for may stay back, to ride in the header of a message that follows. */
export const ACCEPTANCE_HOLD_MS = 50;

/** Acceptances in one header: with so many it stays below `HEADER_BYTES_MAX`. */
export const ACCEPTANCES_MAX = 16;

/** Messages of one site that are being handled at once; more are refused. */
export const MESSAGES_IN_FLIGHT_MAX = 32;

/** Sustained messages of one site each second, and how many it may send at once; above, its link is cut. */
export const MESSAGES_PER_SECOND_MAX = 1000;
export const MESSAGES_BURST_MAX = 2000;

/** Refusals on one link before it is cut: an honest site has none. */
export const REFUSALS_PER_LINK_MAX = 8;

/** Uploads that one site may owe at once. */
export const UPLOADS_PER_SITE_MAX = 4;

/** HTTPS requests of one site at once. */
export const TRANSFERS_PER_SITE_MAX = 8;

/** A transfer that moves no byte for so long is cut; it resumes where it stopped. */
export const TRANSFER_IDLE_MS = 30_000;

/** Between two looks at the deny list and at certificates' ends; a revoked site is cut within this. */
export const AUTHORITY_CHECK_MS = 1000;
