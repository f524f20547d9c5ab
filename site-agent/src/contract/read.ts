/**
 * Reads a data set through a study's contract: each record is de-identified, bounded and counted in one pass, then
 * handed on. The columns of the contract, the patient key and the split are read; nothing else leaves the connector.
 */
import { createHash } from "node:crypto";
import { categoryKey, type DataContract } from "@consilium/shared/study/contract";
import {
  categoryPositions,
  type FeatureLayout,
  featureLayout,
  isAbsent,
  isArrayValue,
  parseNumber,
  type RawValue,
} from "@consilium/shared/study/features";
import { columnsOfData, type IntervalPlace, intervalPlaceOf } from "@consilium/shared/study/survival";
import { type Followed, followedFor } from "@consilium/shared/study/survivalRule";
import type { Connector } from "../connector/connector.ts";
import { IdentifierScan, identifierByName } from "../deidentification/identifiers.ts";
import { hashPatientKey, type PatientKey, type SiteSecret } from "../deidentification/patientKey.ts";
import { sanitizeValue } from "../sanitizer/publicRange.ts";
import type { GivenSplit } from "../split/keyedHash.ts";
import type { Tally } from "./tally.ts";

/** One record, bounded; `features` is borrowed until the next record. */
export interface ReadRecord {
  readonly patient: PatientKey;
  /** As it stands in the data, from 1. */
  readonly row: number;
  /** The patient's own key, for a file that stays here; null where a record is a patient. */
  readonly key: string | null;
  readonly split: GivenSplit | null;
  readonly label: number;
  readonly features: Float32Array;
  /** The same for records that a model can't tell apart. */
  readonly fingerprint: string;
}

/** Calls `take` for each record with a patient and a label; counts all that is amiss. Returns the rows read. */
export async function readRecords(
  connector: Connector,
  contract: DataContract,
  secret: SiteSecret,
  tally: Tally,
  take: (record: ReadRecord) => void,
): Promise<number> {
  const present = presentColumns(await connector.columns(), contract, tally);
  const reader = new RecordReader(contract, secret, tally, present);
  if (present.length === 0) return 0;
  for await (const rows of connector.rows(present)) {
    for (const row of rows) {
      for (const record of reader.read(row)) take(record);
    }
  }
  reader.finish();
  for (const { column, problem, count } of connector.findings()) tally.add(column, problem, count);
  return reader.rows;
}

/** The contract's columns that the data have once; the others, and those named like identifiers, are counted. */
function presentColumns(columns: readonly string[], contract: DataContract, tally: Tally): readonly string[] {
  const { label, patient, split, survival } = contract;
  const features = [
    ...columnsOfData(contract).map(({ name }) => name),
    label.name,
    ...(survival === undefined ? [] : [survival.time]),
  ];
  for (const name of features) {
    const kind = identifierByName(name);
    if (kind !== null) tally.addIdentifier(name, kind);
  }
  const times = new Map<string, number>();
  for (const column of columns) times.set(column, (times.get(column) ?? 0) + 1);
  return [...features, ...(patient === undefined ? [] : [patient]), ...(split === undefined ? [] : [split])].filter(
    (name) => {
      const count = times.get(name) ?? 0;
      if (count !== 1) tally.add(name, count === 0 ? "column-missing" : "column-repeated");
      return count === 1;
    },
  );
}

/** Holds what is needed from row to row. */
class RecordReader {
  rows = 0;
  private readonly layout: FeatureLayout;
  private readonly features: Float32Array;
  /** Place of each column in a row. */
  private readonly places: ReadonlyMap<string, number>;
  /** The same for the features, in their order; −1: the data have none. */
  private readonly positions: readonly number[];
  private readonly scans: readonly IdentifierScan[];
  private readonly filled: number[];
  private readonly labels: ReadonlyMap<string, number>;
  private readonly labelScan = new IdentifierScan();
  private readonly seen = new Set<string>();
  private readonly timed = new Set<PatientKey>();
  private readonly timeScan = new IdentifierScan();
  /** Patients who lived past the last cut. */
  private pastLast = 0;
  private readonly interval: IntervalPlace | null;

  constructor(
    private readonly contract: DataContract,
    private readonly secret: SiteSecret,
    private readonly tally: Tally,
    present: readonly string[],
  ) {
    this.layout = featureLayout(contract);
    this.features = new Float32Array(this.layout.featureCount);
    this.places = new Map(present.map((name, place) => [name, place]));
    this.positions = contract.columns.map((column) => this.places.get(column.name) ?? -1);
    this.scans = contract.columns.map(() => new IdentifierScan());
    this.filled = contract.columns.map(() => 0);
    this.labels = categoryPositions(contract.label.values);
    this.interval = intervalPlaceOf(contract);
  }

  /** A row's record, or of times one for each interval that was entered; none where something is amiss. */
  *read(row: readonly RawValue[]): Generator<ReadRecord> {
    this.rows += 1;
    this.features.fill(0);
    this.layout.slots.forEach((slot, i) => {
      const position = this.positions[i] ?? -1;
      if (position < 0) return;
      const value = row[position];
      this.scans[i]?.add(value);
      const outcome = sanitizeValue(slot, value, this.features);
      if (outcome === "filled") this.filled[i] = (this.filled[i] ?? 0) + 1;
      else if (outcome === "clipped") this.tally.add(slot.column.name, "out-of-range");
      else if (outcome === "missing") this.tally.add(slot.column.name, "value-missing");
      else if (outcome !== "kept") this.tally.add(slot.column.name, outcome);
    });
    const label = this.label(this.cell(row, this.contract.label.name));
    const patient = this.patient(row);
    const split = this.split(row);
    const followed = this.followed(row, label);
    if (patient === null || label === null || split === undefined || followed === null) return;
    const { patient: column } = this.contract;
    if (followed !== undefined && this.isRepeated(patient)) {
      this.tally.add(column ?? null, "patient-repeated");
      return;
    }
    const key = column === undefined ? null : String(this.cell(row, column)).trim();
    for (const ownLabel of this.labelsOf(label, followed)) {
      const fingerprint = fingerprintOf(this.features, ownLabel);
      this.countDuplicate(fingerprint, patient);
      yield { patient, row: this.rows, key, split, label: ownLabel, features: this.features, fingerprint };
    }
  }

  /** Of times: a patient has one. */
  private isRepeated(patient: PatientKey): boolean {
    const isKnown = this.timed.has(patient);
    this.timed.add(patient);
    return isKnown;
  }

  /** The label of each record of a row; of times, with that record's interval among the features. */
  private *labelsOf(label: number, followed: Followed | undefined): Generator<number> {
    if (followed === undefined || this.interval === null) {
      yield label;
      return;
    }
    const { offset, intervals } = this.interval;
    for (let interval = 0; interval < followed.entered; interval++) {
      this.features.fill(0, offset, offset + intervals);
      this.features[offset + interval] = 1;
      yield followed.hadEvent && interval === followed.entered - 1 ? 1 : 0;
    }
  }

  /** `undefined` where the study is of no times; null where the time is unusable, which is counted. */
  private followed(row: readonly RawValue[], label: number | null): Followed | undefined | null {
    const { survival } = this.contract;
    if (survival === undefined) return undefined;
    const value = this.cell(row, survival.time);
    if (value === undefined) return null;
    this.timeScan.add(value);
    const time = isAbsent(value) || isArrayValue(value) ? null : parseNumber(value);
    if (time !== null && time >= 0) {
      if (time > (survival.cuts.at(-1) ?? 0)) this.pastLast += 1;
      return followedFor(survival, time, label === 1);
    }
    this.tally.add(survival.time, isAbsent(value) ? "value-missing" : "no-time");
    return null;
  }

  finish(): void {
    this.contract.columns.forEach(({ name }, i) => {
      const kind = this.scans[i]?.found() ?? null;
      if (kind !== null) this.tally.addIdentifier(name, kind);
      if (this.rows > 0 && this.filled[i] === this.rows) this.tally.add(name, "all-missing", this.rows);
    });
    const kind = this.labelScan.found();
    if (kind !== null) this.tally.addIdentifier(this.contract.label.name, kind);
    const { survival } = this.contract;
    if (survival !== undefined) {
      const ofTime = this.timeScan.found();
      if (ofTime !== null) this.tally.addIdentifier(survival.time, ofTime);
      if (2 * this.pastLast > this.rows) this.tally.add(survival.time, "past-last-cut", this.pastLast);
    }
    if (this.rows === 0) this.tally.add(null, "no-records");
  }

  /** `undefined` where the data have no such column, which is counted already. */
  private cell(row: readonly RawValue[], name: string): RawValue {
    const place = this.places.get(name);
    return place === undefined ? undefined : (row[place] ?? null);
  }

  private label(value: RawValue): number | null {
    this.labelScan.add(value);
    if (value === undefined) return null;
    const index = isAbsent(value) || isArrayValue(value) ? undefined : this.labels.get(categoryKey(value));
    if (index !== undefined) return index;
    this.tally.add(this.contract.label.name, isAbsent(value) ? "label-missing" : "unknown-label");
    return null;
  }

  /** Without a patient column one record is one patient, and its row number the key. */
  private patient(row: readonly RawValue[]): PatientKey | null {
    const { patient } = this.contract;
    if (patient === undefined) return hashPatientKey(this.secret, `row ${this.rows}`);
    const value = this.cell(row, patient);
    if (!isAbsent(value) && !isArrayValue(value)) return hashPatientKey(this.secret, String(value).trim());
    if (value !== undefined) this.tally.add(patient, "patient-missing");
    return null;
  }

  /** `undefined`: not to be told. */
  private split(row: readonly RawValue[]): GivenSplit | null | undefined {
    const { split } = this.contract;
    if (split === undefined) return null;
    const value = this.cell(row, split);
    if (value === undefined) return undefined;
    const text = String(value ?? "")
      .trim()
      .toLowerCase();
    if (text === "train" || text === "test") return text;
    this.tally.add(split, "split-unknown");
    return undefined;
  }

  /** Of the same patient if there is a patient key, else of the same values. */
  private countDuplicate(fingerprint: string, patient: PatientKey): void {
    const key = this.contract.patient === undefined ? fingerprint : `${fingerprint}${patient}`;
    if (this.seen.has(key)) this.tally.add(null, "duplicate-records");
    this.seen.add(key);
  }
}

/** Of a record as a model sees it: a short hash, never its values. */
function fingerprintOf(features: Float32Array, label: number): string {
  return createHash("sha256").update(bytesOf(features)).update(String(label)).digest("base64").slice(0, 22);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
