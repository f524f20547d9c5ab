/**
 * The one way to ask for randomness. Privacy randomness (sampling, noise, keys) comes from the
 * operating system or from a stream cipher keyed by it; a `seeded` source exists in tests alone
 * and its origin marks all output.
 */
export interface RandomSource {
  readonly origin: "operating-system" | "keyed-stream" | "seeded";
  /** `count` fresh random bytes; the caller owns them. */
  bytes(count: number): Uint8Array;
}

/** A source that can also write where its bytes are wanted, which spares large ones a copy. */
export interface RandomStream extends RandomSource {
  fill(target: Uint8Array): void;
}
