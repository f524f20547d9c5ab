import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { PricedEvent } from "@consilium/shared/event/pricedEvent";
import { assert } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import type { PublicRules } from "@consilium/shared/sanitizer/patientRecords";
import { sanitize } from "@consilium/shared/sanitizer/sanitize";
import type { SanitizedPatients } from "@consilium/shared/sanitizer/sanitizedPatients";

/** Numbers at once, 256 KiB of them, or one record where that is wider. */
const NUMBERS_PER_BLOCK = 2 ** 15;

export interface Noising {
  readonly rules: PublicRules;
  readonly method: SanitizerMethod;
  readonly labels: LabelRule;
  /** What was booked: each block must do exactly that to a patient. */
  readonly booked: readonly PricedEvent[];
  readonly random: RandomSource;
  /** Takes one noised record; `label` is null where it is left out. */
  readonly take: (place: number, features: Float64Array, label: number | null) => void;
}

/** Noises records a block at a time: each by itself, so where a block ends changes nothing. */
export class RecordNoise {
  readonly #noising: Noising;
  readonly #rows: number;
  readonly #width: number;
  readonly #values: Float64Array;
  readonly #labels: Int32Array;
  #places: number[] = [];

  constructor(noising: Noising) {
    this.#noising = noising;
    this.#width = noising.rules.low_C.length;
    this.#rows = Math.max(1, Math.floor(NUMBERS_PER_BLOCK / this.#width));
    this.#values = new Float64Array(this.#rows * this.#width);
    this.#labels = new Int32Array(this.#rows);
  }

  add(place: number, features: Float32Array, label: number): void {
    const row = this.#places.length;
    this.#values.set(features, row * this.#width);
    this.#labels[row] = label;
    this.#places.push(place);
    if (this.#places.length === this.#rows) this.flush();
  }

  /** What is left after the last record. */
  flush(): void {
    const rows = this.#places.length;
    if (rows === 0) return;
    const { rules, method, labels, booked, random, take } = this.#noising;
    const records = {
      values_RC: this.#values.subarray(0, rows * this.#width),
      labels_R: this.#labels.slice(0, rows),
      // A record by itself: what a patient pays for all of theirs is in the rules.
      recordStart: Int32Array.from({ length: rows + 1 }, (_, row) => row),
    };
    const { value, events } = sanitize(records, rules, { method, labels }, random);
    assert(canonicalJson(events) === canonicalJson(booked), "noise is what was booked for it");
    for (const [row, place] of this.#places.entries()) take(place, rowOf(value, row), labelOf(value, row));
    this.#places = [];
  }
}

function rowOf({ values_RC, columns }: SanitizedPatients, row: number): Float64Array {
  return values_RC.subarray(row * columns, (row + 1) * columns);
}

function labelOf({ labels_R }: SanitizedPatients, row: number): number | null {
  return labels_R === null ? null : (labels_R[row] ?? null);
}
