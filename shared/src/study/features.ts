/**
 * From a contract's columns to the model's inputs, by public rules alone: numbers clipped to their public range and
 * scaled to [−1, 1], categories one-hot, missing values filled and, where the study says so, marked by an indicator.
 * The same at every site and in `predict`; nothing here is learnt from data.
 */
import { Failure } from "../failure/failure.ts";
import {
  type ArrayColumn,
  type CategoryValue,
  type Column,
  categoryKey,
  type DataContract,
  type NumberColumn,
  valueCount,
} from "./contract.ts";

/** A cell of many numbers: an image as [height, width, channels], channels innermost, or a series. */
export interface RawArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A value as a connector reads it; `null` and `undefined` are missing. */
export type RawValue = string | number | RawArray | null | undefined;

/** Why a value can't be used. A number outside the public range is clipped to it and used. */
export type ValueFault = "missing" | "not-a-number" | "wrong-shape" | "unknown-category";

/** One column's place among the features. */
export interface FeatureSlot {
  readonly column: Column;
  readonly offset: number;
  /** Features of the column, its indicator included. */
  readonly width: number;
  /** Offset of the indicator in the slot; −1: none. */
  readonly indicator: number;
  /** One-hot position of each category key; empty for numbers. */
  readonly positions: ReadonlyMap<string, number>;
  /** Keys of the values that stand for missing. */
  readonly missingCodes: ReadonlySet<string>;
}

export interface FeatureLayout {
  readonly slots: readonly FeatureSlot[];
  readonly featureCount: number;
}

type Columns = Pick<DataContract, "columns">;

/** Computed once for a contract, then used for every record. */
export function featureLayout(contract: Columns): FeatureLayout {
  let offset = 0;
  const slots = contract.columns.map((column): FeatureSlot => {
    const values = valueCount(column);
    const marked = column.missing !== "refuse" && column.missing.indicator;
    const slot = {
      column,
      offset,
      width: values + (marked ? 1 : 0),
      indicator: marked ? values : -1,
      positions: column.type === "category" ? categoryPositions(column.values) : new Map(),
      missingCodes: new Set(column.missing === "refuse" ? [] : column.missing.codes.map(categoryKey)),
    };
    offset += slot.width;
    return slot;
  });
  return { slots, featureCount: offset };
}

export function featureCount(contract: Columns): number {
  return featureLayout(contract).featureCount;
}

/** `age`, `cp=4`, `chol missing`, `film[0,3,0]`: in the order of the model's inputs. */
export function featureNames(contract: Columns): readonly string[] {
  return contract.columns.flatMap((column) => {
    const names = valueNames(column);
    const marked = column.missing !== "refuse" && column.missing.indicator;
    return marked ? [...names, `${column.name} missing`] : names;
  });
}

function valueNames(column: Column): string[] {
  if (column.type === "number") return [column.name];
  if (column.type === "category") return column.values.map((value) => `${column.name}=${value}`);
  const places = column.shape.reduce<string[]>(
    (outer, length) =>
      outer.flatMap((place) => Array.from({ length }, (_, i) => (place === "" ? `${i}` : `${place},${i}`))),
    [""],
  );
  return places.map((place) => `${column.name}[${place}]`);
}

/** Position of each value in its list, by `categoryKey`. */
export function categoryPositions(values: readonly CategoryValue[]): ReadonlyMap<string, number> {
  return new Map(values.map((value, position) => [categoryKey(value), position]));
}

/**
 * Writes one value's features into `out` from `start`, the slot's first place; the caller gives zeros there.
 * Returns what is wrong with the value, after which the slot's features are those of its fill (or zeros without one).
 */
export function encodeValue(slot: FeatureSlot, value: RawValue, out: Float32Array, start: number): ValueFault | null {
  const { missing } = slot.column;
  const present = presentValue(slot, value);
  if (present !== null) return place(slot, present, out, start);
  if (missing === "refuse") return "missing";
  if (slot.indicator >= 0) out[start + slot.indicator] = 1;
  return fill(slot, missing.fill, out, start);
}

/**
 * One record's features, for instance for `predict`. Throws a Failure that names the column, never its value.
 */
export function encodeRecord(
  layout: FeatureLayout,
  values: Readonly<Record<string, RawValue>>,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(layout.featureCount);
  for (const slot of layout.slots) {
    const fault = encodeValue(slot, values[slot.column.name], out, slot.offset);
    if (fault !== null) throw unusableValue(slot.column.name, fault);
  }
  return out;
}

/** The value, or `null` where it is missing: absent, or one of the column's codes for missing. */
export function presentValue(slot: FeatureSlot, value: RawValue): string | number | RawArray | null {
  if (isAbsent(value)) return null;
  if (isArrayValue(value)) return value;
  return slot.missingCodes.size > 0 && slot.missingCodes.has(categoryKey(value)) ? null : value;
}

export function isArrayValue(value: RawValue): value is RawArray {
  return typeof value === "object" && value !== null;
}

/** Not there, empty, or a not-a-number as a connector may give it. */
export function isAbsent(value: RawValue): value is null | undefined {
  if (value === null || value === undefined) return true;
  if (isArrayValue(value)) return false;
  return typeof value === "number" ? Number.isNaN(value) : value.trim() === "";
}

/** A number as people write it in files, finite; `null` for anything else, hexadecimal and blanks included. */
export function parseNumber(value: string | number): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  const text = value.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

function place(
  slot: FeatureSlot,
  value: string | number | RawArray,
  out: Float32Array,
  start: number,
): ValueFault | null {
  const { column } = slot;
  if (column.type === "array") return placeArray(column, value, out, start);
  if (isArrayValue(value)) return column.type === "number" ? "not-a-number" : "unknown-category";
  if (column.type === "category") {
    const position = slot.positions.get(categoryKey(value));
    if (position === undefined) return "unknown-category";
    out[start + position] = 1;
    return null;
  }
  const number = parseNumber(value);
  if (number === null) return "not-a-number";
  out[start] = scaled(number, column);
  return null;
}

/** The public value that stands in: of an array, in every place. */
function fill(slot: FeatureSlot, value: CategoryValue, out: Float32Array, start: number): ValueFault | null {
  const { column } = slot;
  if (column.type !== "array" || typeof value !== "number") return place(slot, value, out, start);
  out.fill(scaled(value, column), start, start + valueCount(column));
  return null;
}

/** All of a cell's numbers. */
function placeArray(
  column: ArrayColumn,
  value: string | number | RawArray,
  out: Float32Array,
  start: number,
): ValueFault | null {
  if (!isArrayValue(value) || !isOfShape(value, column.shape)) return "wrong-shape";
  const { values } = value;
  for (let i = 0; i < values.length; i++) {
    const number = values[i] ?? Number.NaN;
    if (!Number.isFinite(number)) {
      out.fill(0, start, start + values.length);
      return "not-a-number";
    }
    out[start + i] = scaled(number, column);
  }
  return null;
}

function isOfShape({ shape, values }: RawArray, wanted: readonly number[]): boolean {
  const places = wanted.reduce((product, n) => product * n, 1);
  return shape.length === wanted.length && shape.every((n, i) => n === wanted[i]) && values.length === places;
}

/** Clipped to the public range, then to [−1, 1]. */
function scaled(number: number, { min, max }: Pick<NumberColumn, "min" | "max">): number {
  const clipped = Math.min(max, Math.max(min, number));
  return (2 * (clipped - min)) / (max - min) - 1;
}

function unusableValue(column: string, fault: ValueFault): Failure {
  const why = {
    missing: "is missing, and the study has no fill for it",
    "not-a-number": "is not a number",
    "wrong-shape": "is no array of numbers of the study's shape",
    "unknown-category": "is not one of the study's values",
  }[fault];
  return new Failure({
    code: "data/unusable-value",
    kind: "config",
    what: `A value of column '${column}' ${why}.`,
    remedy: "Correct the file, or map its codes to those of the study's schema.",
    fields: { column, fault },
  });
}
