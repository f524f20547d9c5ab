import type { RoundEnd, RoundKey, SignedHead } from "@consilium/shared/protocol/messages";
import { placeOf, referenceRounds } from "@consilium/shared/study/modelLines";
import { removeFile } from "@consilium/storage/removeFile";
import { type ChargedContent, countersignedHead } from "../disclosure/outgoing.ts";
import { attemptAfter, contributionFile } from "./contribute.ts";
import type { Flushed, RoundBook, RoundLink, RoundsOptions } from "./ports.ts";

/** Within this time an announcement usually follows the end of the round before. */
const FLUSH_AFTER_MS = 100;

/** A smaller model's noise takes less time than asking a thread for it: some 20 ns a value against a millisecond. */
const NOISE_AHEAD_MIN = 50_000;

export interface EndsOptions extends Pick<RoundsOptions, "clock" | "engine" | "outbox"> {
  readonly book: Pick<RoundBook, "standing" | "end" | "closed" | "flush">;
  readonly link: Pick<RoundLink, "send">;
}

/** Runs what is left to itself, for an attempt. */
type Run = (key: RoundKey, work: Promise<unknown>) => void;
type Countersigned = NonNullable<Flushed["countersigned"]>;

/**
 * What follows the ends of attempts: they become durable with the next booking, their files and noise go, and the head
 * of the coordinator's ledger that came with them is countersigned, by the next contribution where one follows soon.
 */
export class Ends {
  readonly #options: EndsOptions;
  readonly #run: Run;
  readonly #tell: (message: Parameters<RoundLink["send"]>[0], key: RoundKey) => void;
  #cancelFlush: (() => void) | null = null;
  /** Newest countersignature that the coordinator was not told. */
  #untold: Countersigned | null = null;

  constructor(options: EndsOptions, run: Run) {
    this.#options = options;
    this.#run = run;
    this.#tell = (message, key) => run(key, options.link.send(message));
  }

  /** The attempt is over here. */
  ended(key: RoundKey, content: ChargedContent | null): void {
    this.#options.book.end(key, content);
    this.#scheduleFlush();
  }

  /** The coordinator says so, and shows this head. */
  closed({ key, outcome }: RoundEnd, head: SignedHead): void {
    this.#options.book.closed(key, outcome, head);
    this.#scheduleFlush();
    this.#prepareNoise(key, outcome);
  }

  /** A booking made all ends durable; its contribution will tell the countersignature. */
  written(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = null;
    const { ended, countersigned } = this.#options.book.flush();
    for (const key of ended) this.#run(key, this.#forget(key));
    this.#untold = countersigned ?? this.#untold;
  }

  /** Makes all ends durable now, and tells. */
  flush(): void {
    this.written();
    const countersigned = this.#untold;
    this.#untold = null;
    if (countersigned !== null) this.#tell(countersignedHead(countersigned.head), countersigned.key);
  }

  /** What a contribution has to tell beside itself; `told` once the coordinator has accepted it. */
  untold(): { readonly countersigned: { countersigned?: SignedHead }; readonly told: () => void } {
    const untold = this.#untold;
    const told = (): void => {
      if (this.#untold === untold) this.#untold = null;
    };
    return { countersigned: untold === null ? {} : { countersigned: untold.head }, told };
  }

  /** Ends are written with the next booking; where none comes, soon. */
  #scheduleFlush(): void {
    const { clock } = this.#options;
    this.#cancelFlush ??= clock.at(clock.nowMs() + FLUSH_AFTER_MS, () => this.flush());
  }

  async #forget(key: RoundKey): Promise<void> {
    await removeFile(contributionFile(this.#options.outbox, key));
    if (this.#isNoiseAhead(key)) await this.#options.engine.request({ type: "abandon", key });
  }

  /** Noise of the attempt that comes next, if all goes well: made while the round waits, wiped if it never comes. */
  #prepareNoise(key: RoundKey, outcome: RoundEnd["outcome"]): void {
    const standing = this.#options.book.standing(key.study);
    const next = attemptAfter(key, outcome);
    if (!this.#isNoiseAhead(key) || standing?.state !== "approved") return;
    const { document } = standing;
    if (next.round > (key.purpose === "train" ? document.training.rounds : referenceRounds(document))) return;
    // The next line's noise belongs to the study as it will be opened anew.
    if (placeOf(document, next).line !== placeOf(document, key).line) return;
    this.#run(key, this.#options.engine.request({ type: "prepare-noise", key: next }));
  }

  #isNoiseAhead({ study, purpose }: RoundKey): boolean {
    const isStep = purpose === "train" || purpose === "reference";
    return isStep && (this.#options.book.standing(study)?.parameterCount ?? 0) >= NOISE_AHEAD_MIN;
  }
}
