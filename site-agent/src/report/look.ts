/** What one pass over a data set shows through a study's contract: exact figures of records, for local eyes alone. */
import type { PatientRecords, PublicRules } from "@consilium/shared/sanitizer/patientRecords";
import type { ArrayColumn, Column, DataContract } from "@consilium/shared/study/contract";
import { categoryKey, valueCount } from "@consilium/shared/study/contract";
import {
  type FeatureSlot,
  featureLayout,
  isArrayValue,
  parseNumber,
  presentValue,
  type RawArray,
  type RawValue,
} from "@consilium/shared/study/features";
import { columnsOfData } from "@consilium/shared/study/survival";
import type { Connector } from "../connector/connector.ts";
import { type ColumnOrder, type ColumnPlaces, placesInOrder } from "../sanitizer/columnOrder.ts";

/** One column of the contract. */
export interface ColumnLook {
  readonly column: Column;
  /** Records without a value. */
  readonly missing: number;
  /** Numbers outside the public range, which training clips to it; of an array each of its numbers counts. */
  readonly outside: number;
  /** Values that are none of the contract's: no number, another shape, an unknown category. */
  readonly unusable: number;
  /** Of the others: numbers by tenths of the public range, or records by category, in the contract's order. */
  readonly counts: readonly number[];
}

export interface LocalLook {
  readonly kind: "local-look";
  readonly records: number;
  readonly columns: readonly ColumnLook[];
  /** The first records' numbers, each record by itself; null where the contract has no numbers. */
  readonly numbers: { readonly records: PatientRecords; readonly rules: PublicRules } | null;
  /** The first pictures among the arrays. */
  readonly pictures: readonly LocalPicture[];
}

export interface LocalPicture {
  readonly column: ArrayColumn;
  readonly picture: RawArray;
}

const BINS = 10;
const PICTURES = 4;
/** 160 MB as float64; of wider or longer data the first records are drawn from. */
const NUMBERS_MAX = 20_000_000;

export async function lookAt(
  connector: Connector,
  contract: DataContract,
  order: ColumnOrder | null = null,
): Promise<LocalLook> {
  const there = new Set(await connector.columns());
  const columns = columnsOfData(contract);
  const present = columns.map(({ name }) => name).filter((name) => there.has(name));
  const looker = new Looker({ columns }, present);
  if (present.length > 0) {
    for await (const rows of connector.rows(present)) for (const row of rows) looker.add(row);
  }
  return looker.look(order);
}

class Looker {
  private records = 0;
  private readonly slots: readonly FeatureSlot[];
  private readonly places: readonly number[];
  private readonly columns: { column: Column; missing: number; outside: number; unusable: number; counts: number[] }[];
  private readonly width: number;
  private readonly kept: Float64Array[] = [];
  private readonly pictures: LocalPicture[] = [];

  constructor({ columns }: Pick<DataContract, "columns">, present: readonly string[]) {
    this.slots = featureLayout({ columns }).slots;
    this.places = columns.map(({ name }) => present.indexOf(name));
    this.columns = columns.map((column) => ({
      column,
      missing: 0,
      outside: 0,
      unusable: 0,
      counts: new Array<number>(column.type === "category" ? column.values.length : BINS).fill(0),
    }));
    this.width = columns.filter(isNumeric).reduce((sum, column) => sum + valueCount(column), 0);
  }

  add(row: readonly RawValue[]): void {
    this.records += 1;
    const isKept = this.width > 0 && this.kept.length < Math.max(1, NUMBERS_MAX / this.width);
    const numbers = isKept ? new Float64Array(this.width).fill(Number.NaN) : null;
    let at = 0;
    this.slots.forEach((slot, i) => {
      const place = this.places[i] ?? -1;
      this.value(i, slot, place < 0 ? null : row[place], numbers?.subarray(at));
      if (isNumeric(slot.column)) at += valueCount(slot.column);
    });
    if (numbers !== null) this.kept.push(numbers);
  }

  look(order: ColumnOrder | null): LocalLook {
    const { records, columns, pictures, width, kept } = this;
    if (width === 0 || kept.length === 0) {
      return { kind: "local-look", records, columns, numbers: null, pictures };
    }
    const values_RC = new Float64Array(kept.length * width);
    kept.forEach((numbers, r) => {
      values_RC.set(numbers, r * width);
    });
    const recordStart = Int32Array.from({ length: kept.length + 1 }, (_, r) => r);
    const numbers = {
      records: { values_RC, labels_R: new Int32Array(kept.length), recordStart },
      rules: rulesOf(
        this.slots.map(({ column }) => column),
        order,
      ),
    };
    return { kind: "local-look", records, columns, numbers, pictures };
  }

  private value(i: number, slot: FeatureSlot, raw: RawValue, numbers: Float64Array | undefined): void {
    const look = this.columns[i];
    if (look === undefined) return;
    const value = presentValue(slot, raw);
    const { column } = slot;
    if (value === null) look.missing += 1;
    else if (column.type === "category") {
      const position = isArrayValue(value) ? undefined : slot.positions.get(categoryKey(value));
      if (position === undefined) look.unusable += 1;
      else look.counts[position] = (look.counts[position] ?? 0) + 1;
    } else if (column.type === "number") {
      const number = isArrayValue(value) ? null : parseNumber(value);
      if (number === null) look.unusable += 1;
      else this.number(look, number, numbers, 0);
    } else if (!isArrayValue(value) || value.shape.join() !== column.shape.join()) look.unusable += 1;
    else {
      value.values.forEach((number, place) => {
        this.number(look, number, numbers, place);
      });
      if (isPicture(value) && this.pictures.length < PICTURES)
        this.pictures.push({ column, picture: { ...value, values: value.values.slice() } });
    }
  }

  private number(look: (typeof this.columns)[number], value: number, kept: Float64Array | undefined, place: number) {
    const { column } = look;
    if (column.type === "category") return;
    if (kept !== undefined) kept[place] = value;
    const share = (value - column.min) / (column.max - column.min);
    if (share < 0 || share > 1) look.outside += 1;
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(share * BINS)));
    look.counts[bin] = (look.counts[bin] ?? 0) + 1;
  }
}

function isNumeric(column: Column): boolean {
  return column.type !== "category";
}

/** Greyscale or colours, of some pixels each way. */
function isPicture({ shape: [height = 0, width = 0, channels = 0] }: RawArray): boolean {
  return height > 1 && width > 1 && (channels === 1 || channels === 3);
}

/** Numbers alone, one after another. */
function numericPlaces(columns: readonly Column[]): ColumnPlaces[] {
  let offset = 0;
  return columns.filter(isNumeric).map((column) => {
    const count = valueCount(column);
    offset += count;
    return { name: column.name, offset: offset - count, count };
  });
}

function rulesOf(columns: readonly Column[], order: ColumnOrder | null): PublicRules {
  const ends = (of: (column: { min: number; max: number }) => number): Float64Array =>
    Float64Array.from(
      columns.flatMap((column) =>
        column.type === "category" ? [] : new Array<number>(valueCount(column)).fill(of(column)),
      ),
    );
  return {
    low_C: ends(({ min }) => min),
    high_C: ends(({ max }) => max),
    order_C: order === null ? null : placesInOrder(order, numericPlaces(columns)),
    labelValues: 2,
    recordsPerPatient: 1,
  };
}
