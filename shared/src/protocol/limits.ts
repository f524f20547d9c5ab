/** Contributions, aggregates and models up to this size ride in their message; larger ones are HTTPS transfers. */
export const INLINE_BYTES_MAX = 256 * 1024;

/** A message's JSON part. The largest is a study document with some thousand columns. */
export const MESSAGE_JSON_BYTES_MAX = 4 * 1024 * 1024;

/** A frame above this cuts the link, so senders check first. */
export const FRAME_BYTES_MAX = MESSAGE_JSON_BYTES_MAX + INLINE_BYTES_MAX + 64 * 1024;

/** One transfer: 2^31 parameters at 24 bits would be 6 GB; nobody trains that here. */
export const TRANSFER_BYTES_MAX = 2 * 1024 ** 3;
