import { assert } from "../failure/failure.ts";
import type { CategoryValue } from "../study/contract.ts";
import type { StudyDocument } from "../study/document.ts";
import { encodeRecord, featureLayout } from "../study/features.ts";
import { fitClassifier } from "./classifier.ts";
import { type MadeRecords, releasedRecords } from "./made.ts";
import { encodeSynthetic } from "./madeFile.ts";
import { type SyntheticTable, tableOf } from "./table.ts";

/** A generator that was chosen, by the training round after which it was kept. */
export interface ChosenGenerator {
  readonly round: number;
  readonly parameters: Float32Array;
}

/** The synthetic records of a release, from the chosen generators alone. */
export function releasedTable(document: StudyDocument, generators: readonly ChosenGenerator[]): SyntheticTable {
  const { generator: rule, data } = document;
  assert(rule !== undefined, "a study that releases synthetic records has a rule for them");
  const shape = { classes: data.label.values.length, features: featureLayout(data).featureCount };
  return tableOf(data, releasedRecords(rule, shape, generators));
}

/** The same as a model reads them: rounded as they are released, since that is what an attacker has. */
export function releasedFeatures({ data }: StudyDocument, table: SyntheticTable): MadeRecords {
  const layout = featureLayout(data);
  const features = new Float32Array(table.rows.length * layout.featureCount);
  const labels = new Uint8Array(table.rows.length);
  const classes = new Map<CategoryValue | null, number>(data.label.values.map((value, index) => [value, index]));
  for (const [record, row] of table.rows.entries()) {
    const values = Object.fromEntries(data.columns.map(({ name }, index) => [name, row[index]]));
    features.set(encodeRecord(layout, values), record * layout.featureCount);
    labels[record] = classes.get(row.at(-1) ?? null) ?? 0;
  }
  return { features, labels };
}

/** File that sites judge the release's records by: anyone makes it again from the generators, bit by bit. */
export function encodeReleased(document: StudyDocument, generators: readonly ChosenGenerator[]): Uint8Array {
  const records = releasedFeatures(document, releasedTable(document, generators));
  return encodeSynthetic({ records, classifier: fitClassifier(records, document.data.label.values.length) });
}
