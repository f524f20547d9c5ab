import { assert } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { PatientKey } from "../deidentification/patientKey.ts";

/** 4 MiB of features, or one record where that is wider. */
const VALUES_PER_BLOCK = 2 ** 20;

/**
 * Bounded records as they are read, at most `limit` of each patient. Of a patient with more, each set of `limit`
 * records is equally likely to stay (reservoir sampling, Vitter 1985), in memory for the kept ones alone.
 */
export class RecordStore {
  /** Records left out so far. */
  leftOut = 0;
  /** Records kept so far. */
  kept = 0;
  private readonly recordsPerBlock: number;
  private readonly blocks: Float32Array[] = [];
  private readonly labels: number[] = [];
  private readonly byPatient = new Map<PatientKey, { records: number[]; seen: number }>();

  constructor(
    private readonly featureCount: number,
    private readonly limit: number,
    private readonly random: RandomSource,
  ) {
    this.recordsPerBlock = Math.max(1, Math.floor(VALUES_PER_BLOCK / featureCount));
  }

  /** Copies the features. */
  add(patient: PatientKey, features: Float32Array, label: number): void {
    assert(features.length === this.featureCount, "each record has every feature");
    const known = this.byPatient.get(patient) ?? { records: [], seen: 0 };
    this.byPatient.set(patient, known);
    known.seen += 1;
    if (known.records.length < this.limit) {
      known.records.push(this.kept);
      this.write(this.kept, features, label);
      this.kept += 1;
      return;
    }
    this.leftOut += 1;
    const replaced = known.records[uniformBelow(known.seen, this.random)];
    if (replaced !== undefined) this.write(replaced, features, label);
  }

  patients(): IterableIterator<PatientKey> {
    return this.byPatient.keys();
  }

  recordsOf(patient: PatientKey): readonly number[] {
    return this.byPatient.get(patient)?.records ?? [];
  }

  /** A view; not to be changed. */
  features(record: number): Float32Array {
    const start = (record % this.recordsPerBlock) * this.featureCount;
    const block = this.blocks[Math.floor(record / this.recordsPerBlock)];
    assert(block !== undefined && record < this.kept, "the record is kept");
    return block.subarray(start, start + this.featureCount);
  }

  label(record: number): number {
    const label = this.labels[record];
    assert(label !== undefined, "the record is kept");
    return label;
  }

  private write(record: number, features: Float32Array, label: number): void {
    const index = Math.floor(record / this.recordsPerBlock);
    const block = this.blocks[index] ?? new Float32Array(this.recordsPerBlock * this.featureCount);
    this.blocks[index] = block;
    block.set(features, (record % this.recordsPerBlock) * this.featureCount);
    this.labels[record] = label;
  }
}

/** A whole number in [0, bound), each equally likely: words that would favour some are drawn again. */
export function uniformBelow(bound: number, random: RandomSource): number {
  assert(bound >= 1 && bound <= 2 ** 31, "a bound of 1 to 2³¹");
  const fair = Math.floor(2 ** 32 / bound) * bound;
  for (;;) {
    const bytes = random.bytes(4);
    const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    if (word < fair) return word % bound;
  }
}
