/** A bucket that fills steadily; each message takes one token. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export function fullBucket(rate: Rate, nowMs: number): Bucket {
  return { tokens: rate.burst, atMs: nowMs };
}

/** The bucket after one message, or undefined when none is left. A clock that steps back fills nothing. */
export function takeToken(bucket: Bucket, rate: Rate, nowMs: number): Bucket | undefined {
  const elapsedSeconds = Math.max(0, nowMs - bucket.atMs) / 1000;
  const tokens = Math.min(rate.burst, bucket.tokens + elapsedSeconds * rate.perSecond);
  return tokens < 1 ? undefined : { tokens: tokens - 1, atMs: nowMs };
}
