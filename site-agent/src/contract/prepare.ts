/** From a hospital's file to patients that training may use, or a report of why not; both are one pass. */
import { Failure } from "@consilium/shared/failure/failure";
import { ofEachPart, type Part, Part as Parts } from "@consilium/shared/ledger/entry";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { DataContract } from "@consilium/shared/study/contract";
import { featureCount } from "@consilium/shared/study/features";
import type { Connector } from "../connector/connector.ts";
import type { PatientKey, SiteSecret } from "../deidentification/patientKey.ts";
import { type GivenSplit, partOf } from "../split/keyedHash.ts";
import { PART_CODE, type PreparedPatients } from "./preparedPatients.ts";
import { type ReadRecord, readRecords } from "./read.ts";
import { RecordStore } from "./recordStore.ts";
import { Tally, type Violation } from "./tally.ts";

/** How a data set meets a contract: figures of records, for this hospital's own eyes alone. */
export interface ContractReport {
  readonly records: number;
  readonly patients: number;
  readonly parts: Readonly<Record<Part, number>>;
  readonly violations: readonly Violation[];
  /** Whether any violation is an error. */
  readonly violated: boolean;
}

export interface PrepareOptions {
  readonly secret: SiteSecret;
  /** Chooses records of patients who have more than the contract's limit. */
  readonly random: RandomSource;
  /** Training patients as the study publishes them for this site. */
  readonly publicPatients?: number;
}

/** The data do not meet the contract. The message may cross the wire and holds no figure; the report stays here. */
export class ContractViolated extends Failure {
  readonly report: ContractReport;

  constructor(report: ContractReport) {
    super({
      code: "data/contract-violated",
      kind: "config",
      what: "The data set does not meet the study's data contract.",
      remedy: "See what is amiss, locally: consilium-site study check --study NAME --dataset NAME",
    });
    this.report = report;
  }
}

/** Holds a data set against a contract. */
export async function checkContract(
  connector: Connector,
  contract: DataContract,
  options: PrepareOptions,
): Promise<ContractReport> {
  return (await read(connector, contract, options)).report;
}

/** Patients as a study may use them; throws `ContractViolated` where any violation is an error. */
export async function preparePatients(
  connector: Connector,
  contract: DataContract,
  options: PrepareOptions,
): Promise<{ patients: PreparedPatients; report: ContractReport }> {
  const { report, store, parts } = await read(connector, contract, options);
  if (report.violated) throw new ContractViolated(report);
  return { patients: packPatients(store, parts, featureCount(contract)), report };
}

interface Read {
  readonly report: ContractReport;
  readonly store: RecordStore;
  readonly parts: ReadonlyMap<PatientKey, Part>;
}

async function read(connector: Connector, contract: DataContract, options: PrepareOptions): Promise<Read> {
  const { secret, random, publicPatients } = options;
  const tally = new Tally();
  const store = new RecordStore(featureCount(contract), contract.maxRecordsPerPatient, random);
  const splits = new Map<PatientKey, GivenSplit | null>();
  const disagreeing = new Set<PatientKey>();
  const twins = new Twins();
  const records = await readRecords(connector, contract, secret, tally, (record) => {
    const { patient, split, label, features } = record;
    twins.add(record);
    if (!splits.has(patient)) splits.set(patient, split);
    else if (splits.get(patient) !== split) disagreeing.add(patient);
    store.add(patient, features, label);
  });
  if (disagreeing.size > 0) tally.add(contract.split ?? null, "split-disagrees", disagreeing.size);
  if (store.leftOut > 0) tally.add(contract.patient ?? null, "records-over-limit", store.leftOut);
  const parts = new Map(
    [...splits].map(([patient, split]) => [patient, partOf(secret, patient, split, contract.shares)]),
  );
  const apart = twins.apart(parts);
  if (apart > 0) tally.add(null, "duplicates-across-parts", apart);
  const counts = countParts(parts);
  noteCounts(tally, counts, contract.shares, publicPatients);
  const violations = tally.violations();
  const violated = violations.some(({ severity }) => severity === "error");
  return { report: { records, patients: parts.size, parts: counts, violations, violated }, store, parts };
}

/** Records that equal one of another patient: the same person under two keys, or chance where columns are few. */
class Twins {
  private readonly first = new Map<string, PatientKey>();
  private readonly pairs: (readonly [PatientKey, PatientKey])[] = [];

  add({ fingerprint, patient }: Pick<ReadRecord, "fingerprint" | "patient">): void {
    const other = this.first.get(fingerprint);
    if (other === undefined) this.first.set(fingerprint, patient);
    else if (other !== patient) this.pairs.push([other, patient]);
  }

  /** Of them, those that fell into another part than the first: an audit would take a member for a non-member. */
  apart(parts: ReadonlyMap<PatientKey, Part>): number {
    return this.pairs.filter(([one, other]) => parts.get(one) !== parts.get(other)).length;
  }
}

function countParts(parts: ReadonlyMap<PatientKey, Part>): Record<Part, number> {
  const counts = ofEachPart(() => 0);
  for (const part of parts.values()) counts[part] += 1;
  return counts;
}

/** A hash draws the parts, so the training patients are seldom exactly as many as the study says. */
function noteCounts(
  tally: Tally,
  counts: Readonly<Record<Part, number>>,
  shares: DataContract["shares"],
  publicPatients: number | undefined,
): void {
  const wanted = Parts.options.filter((part) => part !== "reference" || shares.reference !== undefined);
  const empty = wanted.filter((part) => counts[part] === 0);
  if (empty.length > 0) tally.add(null, "part-empty", empty.length);
  if (publicPatients === undefined) return;
  const tolerance = Math.max(5, 0.1 * publicPatients);
  if (Math.abs(counts.train - publicPatients) > tolerance) tally.add(null, "patients-differ", counts.train);
}

/** Patients in the order of their hashed keys, which tells nothing of the file's order. The keys end here. */
function packPatients(store: RecordStore, parts: ReadonlyMap<PatientKey, Part>, features: number): PreparedPatients {
  const keys = [...store.patients()].sort();
  const packed = {
    featureCount: features,
    features: new Float32Array(store.kept * features),
    labels: new Int32Array(store.kept),
    recordStart: new Int32Array(keys.length + 1),
    parts: new Uint8Array(keys.length),
  };
  let record = 0;
  keys.forEach((key, patient) => {
    packed.parts[patient] = PART_CODE[parts.get(key) ?? "audit"];
    for (const kept of store.recordsOf(key)) {
      packed.features.set(store.features(kept), record * features);
      packed.labels[record] = store.label(kept);
      record += 1;
    }
    packed.recordStart[patient + 1] = record;
  });
  return packed;
}
