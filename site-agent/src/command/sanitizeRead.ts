import { ofEachPart } from "@consilium/shared/ledger/entry";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { PatientRecords } from "@consilium/shared/sanitizer/patientRecords";
import type { DataContract } from "@consilium/shared/study/contract";
import { featureCount } from "@consilium/shared/study/features";
import type { Reading } from "../connector/reading.ts";
import type { ContractReport } from "../contract/prepare.ts";
import { type ReadRecord, readRecords } from "../contract/read.ts";
import { Tally } from "../contract/tally.ts";
import type { SiteSecret } from "../deidentification/patientKey.ts";
import type { ColumnOrder } from "../sanitizer/columnOrder.ts";
import { KeptRecords } from "../sanitizer/keptRecords.ts";
import { partOf } from "../split/keyedHash.ts";
import { openNamed } from "./localFile.ts";

/** Records that figures for local eyes are made of, the first ones; fewer where they are wide. */
const SAMPLE_RECORDS = 200;
const SAMPLE_NUMBERS = 2 ** 20;

/** Data to be sanitized, and by which rules they are read. */
export interface Source {
  readonly path: string;
  /** Where decoded pictures are kept, for they are read twice. */
  readonly reading?: Reading;
  readonly contract: DataContract;
  readonly secret: SiteSecret;
  /** Public, of the columns; null: as the schema has them. */
  readonly order?: ColumnOrder | null;
}

export interface Survey {
  readonly kept: KeptRecords;
  readonly report: ContractReport;
  readonly sample: PatientRecords;
}

/** A first pass: what is amiss, and which records are kept. Of the numbers only the first records' are held. */
export async function survey(source: Source, random: RandomSource): Promise<Survey> {
  const { contract, secret } = source;
  const kept = new KeptRecords(contract.maxRecordsPerPatient, random);
  const parts = ofEachPart(() => new Set<string>());
  const tally = new Tally();
  const width = featureCount(contract);
  const sampled = Math.min(SAMPLE_RECORDS, Math.ceil(SAMPLE_NUMBERS / width));
  const sample: Float32Array[] = [];
  const records = await readAll(source, tally, (record) => {
    kept.add(record);
    parts[partOf(secret, record.patient, record.split, contract.shares)].add(record.patient);
    if (sample.length < sampled) sample.push(record.features.slice());
  });
  if (kept.leftOut > 0) tally.add(contract.patient ?? null, "records-over-limit", kept.leftOut);
  const violations = tally.violations();
  const report: ContractReport = {
    records,
    patients: kept.patients,
    parts: ofEachPart((part) => parts[part].size),
    violations,
    violated: violations.some(({ severity }) => severity === "error"),
  };
  return { kept, report, sample: sampleOf(sample, width) };
}

/** Each record in the source's order, `features` borrowed until the next. Returns the rows read. */
export async function readAll(
  { path, reading, contract, secret }: Source,
  tally: Tally,
  take: (record: ReadRecord) => void,
): Promise<number> {
  const connector = await openNamed(path, reading);
  try {
    return await readRecords(connector, contract, secret, tally, take);
  } finally {
    await connector.close();
  }
}

function sampleOf(records: readonly Float32Array[], width: number): PatientRecords {
  const values_RC = new Float64Array(records.length * width);
  for (const [row, numbers] of records.entries()) values_RC.set(numbers, row * width);
  return {
    values_RC,
    labels_R: new Int32Array(records.length),
    recordStart: Int32Array.from({ length: records.length + 1 }, (_, row) => row),
  };
}
