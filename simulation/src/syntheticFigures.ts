import { pickedGenerators } from "@consilium/coordinator/generator/madeFiles";
import type { Sql } from "@consilium/coordinator/storage/sql";
import { classify, fitClassifier } from "@consilium/shared/generator/classifier";
import type { MadeRecords } from "@consilium/shared/generator/made";
import { releasedFeatures, releasedTable } from "@consilium/shared/generator/released";
import type { SyntheticTable } from "@consilium/shared/generator/table";
import type { StudyDocument } from "@consilium/shared/study/document";
import { type PartName, type PreparedPatients, patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import { metricsOf } from "./exact.ts";
import type { RunResult } from "./result.ts";

/** What a study with a generator would release; null for any other, and before its choice. */
export function syntheticOf(sql: Sql, document: StudyDocument): SyntheticTable | null {
  const generators = pickedGenerators({ sql }, document);
  return generators.length === 0 ? null : releasedTable(document, generators);
}

/**
 * One classifier, a logistic regression, trained on synthetic records or on real ones and tried on the others: what
 * synthetic records teach of real ones, what real ones teach, and whether synthetic ones look to it like real ones.
 */
export function syntheticFigures(
  document: StudyDocument,
  table: SyntheticTable,
  sites: readonly PreparedPatients[],
): NonNullable<RunResult["exact"]["synthetic"]> {
  const classes = document.data.label.values.length;
  const made = releasedFeatures(document, table);
  const trained = partOf(sites, "train");
  const held = partOf(sites, "validation", "audit");
  const tried = (on: MadeRecords, by: MadeRecords) => {
    const probabilities = classify(fitClassifier(by, classes), on.features);
    const outputs = Array.from(on.labels, (label, record) => {
      return { probabilities: probabilities.subarray(record * classes, (record + 1) * classes), label };
    });
    return metricsOf(outputs, classes);
  };
  return {
    syntheticOnReal: tried(held, made),
    realOnReal: tried(held, trained),
    realOnSynthetic: tried(made, trained),
  };
}

/** Every record of these parts, at all sites. */
function partOf(sites: readonly PreparedPatients[], ...parts: PartName[]): MadeRecords {
  const rows = sites.flatMap((patients) =>
    [...patientsOf(patients, ...parts)].flatMap((patient) => {
      const { recordStart, featureCount: width } = patients;
      const first = recordStart[patient] ?? 0;
      return Array.from({ length: (recordStart[patient + 1] ?? first) - first }, (_, index) => {
        const record = first + index;
        return {
          features: patients.features.subarray(record * width, (record + 1) * width),
          label: patients.labels[record] ?? 0,
        };
      });
    }),
  );
  const width = rows[0]?.features.length ?? 0;
  const features = new Float32Array(rows.length * width);
  rows.forEach((row, index) => {
    features.set(row.features, index * width);
  });
  return { features, labels: Uint8Array.from(rows, ({ label }) => label) };
}
