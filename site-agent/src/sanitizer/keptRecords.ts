import { assert, Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { ReadRecord } from "../contract/read.ts";
import { uniformBelow } from "../contract/recordStore.ts";
import type { PatientKey } from "../deidentification/patientKey.ts";

/** One record of the file that is to come: whose it is, as the source says. Its numbers are not here. */
export interface KeptRecord {
  readonly patient: PatientKey;
  readonly row: number;
  readonly key: string | null;
  readonly split: ReadRecord["split"];
}

/**
 * Which records a first pass keeps, at most `limit` of each patient, each set of so many equally likely (reservoir
 * sampling, Vitter 1985); then their places: by the patients' hashed keys, so that the order says nothing of the
 * source's, which no noise covers.
 */
export class KeptRecords {
  /** Records left out, beyond the limit. */
  leftOut = 0;
  readonly #limit: number;
  readonly #random: RandomSource;
  readonly #byPatient = new Map<PatientKey, { readonly kept: KeptRecord[]; seen: number }>();
  #places: ReadonlyMap<number, number> | null = null;

  constructor(limit: number, random: RandomSource) {
    this.#limit = limit;
    this.#random = random;
  }

  add({ patient, row, key, split }: KeptRecord): void {
    const known = this.#byPatient.get(patient) ?? { kept: [], seen: 0 };
    this.#byPatient.set(patient, known);
    known.seen += 1;
    const record = { patient, row, key, split };
    if (known.kept.length < this.#limit) {
      known.kept.push(record);
      return;
    }
    this.leftOut += 1;
    const replaced = uniformBelow(known.seen, this.#random);
    if (replaced < this.#limit) known.kept[replaced] = record;
  }

  get patients(): number {
    return this.#byPatient.size;
  }

  /** In the order of the file that is to come. */
  inOrder(): readonly KeptRecord[] {
    return [...this.#byPatient].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { kept }]) => kept);
  }

  /** Place of a record that a second pass reads; null where it isn't kept. Throws where another patient's is there. */
  placeOf({ row, patient }: Pick<ReadRecord, "row" | "patient">): number | null {
    this.#places ??= new Map(this.inOrder().map((record, place) => [record.row, place]));
    const place = this.#places.get(row);
    if (place === undefined) return null;
    const known = this.#byPatient.get(patient)?.kept.some((record) => record.row === row) ?? false;
    if (known) return place;
    throw moved();
  }

  /** Throws unless a second pass found so many of them. */
  requireAll(found: number): void {
    const kept = this.inOrder().length;
    assert(found <= kept, "no record is found twice");
    if (found < kept) throw moved();
  }
}

function moved(): Failure {
  return new Failure({
    code: "data/changed",
    kind: "config",
    what: "The data changed while they were sanitized.",
    remedy: "Keep the data as they are meanwhile. The charge stays spent; another file is another charge.",
  });
}
