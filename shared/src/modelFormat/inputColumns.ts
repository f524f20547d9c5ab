import type { FeatureScale } from "../normalisation/columnScales.ts";
import type { Column } from "../study/contract.ts";
import { type DataContract, valueCount } from "../study/contract.ts";
import { type FeatureLayout, featureLayout } from "../study/features.ts";
import type { InputMap } from "./computationOf.ts";

type Columns = Pick<DataContract, "columns">;

/**
 * What makes model inputs of values in the columns' own units: their public ranges, and the scales of columns that were
 * normalised. One map in place of two: (v − m − h·c) / (h·s) with the range's middle m and half h, centre c, spread s.
 * Marks of categories and of missing values are 0 or 1 and go in as they are.
 */
export function inputMapOf(contract: Columns, scales: readonly FeatureScale[]): InputMap {
  const layout = featureLayout(contract);
  const width = layout.featureCount;
  const map = {
    low: new Float32Array(width),
    high: new Float32Array(width).fill(1),
    centre: new Float32Array(width),
    spread: new Float32Array(width).fill(1),
  };
  const byPlace = new Map(scales.map((scale) => [scale.place, scale]));
  for (const { column, offset } of layout.slots) {
    if (column.type === "category") continue;
    const half = (column.max - column.min) / 2;
    for (let place = offset; place < offset + valueCount(column); place++) {
      const { centre, spread } = byPlace.get(place) ?? { centre: 0, spread: 1 };
      map.low[place] = column.min;
      map.high[place] = column.max;
      map.centre[place] = column.min + half + half * centre;
      map.spread[place] = half * spread;
    }
  }
  return map;
}

/** Each column's place among the inputs and what stands there, for whoever fills them: `at` counts from 0. */
export function inputColumns(contract: Columns) {
  const { slots }: FeatureLayout = featureLayout(contract);
  return slots.map(({ column, offset, indicator }) => ({
    column: column.name,
    at: offset,
    ...contentOf(column),
    ...(column.missing === "refuse" ? {} : { whereMissing: column.missing.fill }),
    ...(indicator < 0 ? {} : { missingAt: offset + indicator }),
  }));
}

function contentOf(column: Column) {
  switch (column.type) {
    case "number":
      return { holds: "value", ...(column.unit === undefined ? {} : { unit: column.unit }) };
    case "array":
      return { holds: "values", shape: column.shape, ...(column.unit === undefined ? {} : { unit: column.unit }) };
    case "category":
      return { holds: "one-hot", values: column.values };
  }
}
