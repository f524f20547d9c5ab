/**
 * A folder of FHIR R4 resources, one a line, as bulk exports write them: one record a patient, columns by rule. Files
 * are streamed; what is kept is a value for each patient and rule.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RawValue } from "@consilium/shared/study/features";
import { type Connector, placesOf, type SourceFinding, unreadableData } from "./connector.ts";
import {
  ageAt,
  codesOf,
  type FhirCondition,
  type FhirObservation,
  type FhirPatient,
  FhirResource,
  type FhirValue,
  patientIdOf,
  timeOf,
} from "./fhirResource.ts";
import type { FhirRule } from "./fhirRule.ts";
import type { FhirSource } from "./source.ts";
import { fileLines } from "./sourceFile.ts";
import { conversion } from "./unit.ts";

const FILE = /\.(ndjson|jsonl)(\.gz)?$/i;
/** Patients come first: all others speak of them. */
const TYPES = ["Patient", "Observation", "Condition"] as const;
const ROWS_PER_CHUNK = 1024;
const VOID_STATUS: ReadonlySet<string> = new Set(["entered-in-error", "cancelled"]);
const VOID_CONDITION: ReadonlySet<string> = new Set(["entered-in-error", "refuted"]);

export async function openFhir(source: FhirSource, at: (path: string) => string): Promise<Connector> {
  const files = filesOf(at(source.folder));
  const names = ["patient", ...Object.keys(source.columns)];
  let refused = new Map<string, number>();
  return {
    columns: async () => names,
    rows: (columns) => {
      refused = new Map();
      return records(files, source.columns, placesOf(names, columns), refused);
    },
    findings: () => [...refused].map(([column, count]): SourceFinding => ({ column, problem: "not-converted", count })),
    close: async () => undefined,
  };
}

/** Files of the folder in the order of their names, by the type of their first resource. */
function filesOf(folder: string): readonly string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw unreadableData("file-missing", "There is no such folder of FHIR files.", "Check the path.");
  const files = readdirSync(folder)
    .filter((name) => FILE.test(name))
    .sort();
  if (files.length > 0) return files.map((name) => join(folder, name));
  throw unreadableData(
    "empty",
    "The folder has no FHIR files: names end in .ndjson or .jsonl, gzipped or not.",
    "Name the folder of a bulk export.",
  );
}

/** One patient's values, rule by rule. */
interface Held {
  readonly values: RawValue[];
  /** Of each rule: the time of what is held, or how many were summed. */
  readonly weights: number[];
}

type Rules = Readonly<Record<string, FhirRule>>;

async function* records(
  files: readonly string[],
  columns: Rules,
  places: readonly number[],
  refused: Map<string, number>,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const patients = new Map<string, Held>();
  const rules = Object.entries(columns);
  const reader = new Reader(rules, patients, refused);
  for (const type of TYPES)
    for (const file of files) await readFile(file, type, (resource, line) => reader.take(resource, line));
  if (patients.size === 0)
    throw unreadableData("empty", "The folder has no Patient.", "Export Patient too: other resources speak of them.");
  const isMean = rules.map(([, { observation, take }]) => observation !== undefined && take === "mean");
  let chunk: (readonly RawValue[])[] = [];
  for (const [patient, { values, weights }] of patients) {
    const means = values.map((value, i) =>
      isMean[i] && typeof value === "number" ? value / (weights[i] ?? 1) : value,
    );
    const record = [patient, ...means];
    chunk.push(places.map((place) => record[place] ?? null));
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Resources of one type; a file is all of one, as bulk exports have it: what is mixed would be half read. */
async function readFile(
  file: string,
  type: (typeof TYPES)[number],
  take: (resource: FhirResource, line: number) => void,
): Promise<void> {
  let line = 0;
  let isFirst = true;
  for await (const bytes of fileLines(file)) {
    line += 1;
    if (bytes.length === 0) continue;
    const resource = parse(bytes, line);
    if (typeof resource !== "object" || resource === null || !("resourceType" in resource)) throw noResource(line);
    if (resource.resourceType !== type) {
      if (isFirst) return;
      throw unreadableData(
        "fhir-mixed",
        `Line ${line} of a FHIR file is of another type than its first line.`,
        "Export each type into files of its own, as bulk exports have it.",
      );
    }
    isFirst = false;
    const known = FhirResource.safeParse(resource);
    if (!known.success) throw noResource(line, type);
    take(known.data, line);
  }
}

function parse(bytes: Buffer, line: number): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw unreadableData(
      "unreadable",
      `Line ${line} of a FHIR file is no JSON.`,
      "Export it again: one resource a line.",
    );
  }
}

/** Takes resource after resource into what is held of their patients. */
class Reader {
  constructor(
    private readonly rules: readonly (readonly [string, FhirRule])[],
    private readonly patients: Map<string, Held>,
    private readonly refused: Map<string, number>,
  ) {}

  take(resource: FhirResource, line: number): void {
    if (resource.resourceType === "Patient") this.#patient(resource, line);
    else if (resource.resourceType === "Observation") this.#observation(resource, line);
    else this.#condition(resource, line);
  }

  #patient(patient: FhirPatient, line: number): void {
    if (this.patients.has(patient.id))
      throw unreadableData(
        "patient-repeated",
        `Line ${line} of a Patient file has the id of an earlier patient.`,
        "Export each patient once.",
      );
    const values = this.rules.map(
      ([, rule]): RawValue => (rule.condition === undefined ? ofPatient(patient, rule) : 0),
    );
    this.patients.set(patient.id, { values, weights: this.rules.map(() => 0) });
  }

  #observation(observation: FhirObservation, line: number): void {
    if (VOID_STATUS.has(observation.status ?? "")) return;
    const parts = [observation, ...observation.component].map((part) => ({ part, codes: new Set(codesOf(part.code)) }));
    this.rules.forEach(([name, rule], i) => {
      const found = parts.find(({ codes }) => rule.observation?.some((code) => codes.has(code)) === true);
      if (found === undefined) return;
      const held = this.#held(observation.subject, line, "Observation");
      const value = observedValue(found.part, rule);
      if (value === "refused") this.refused.set(name, (this.refused.get(name) ?? 0) + 1);
      else if (value !== null) keep(held, i, value, rule, timeOf(observation));
    });
  }

  #condition(condition: FhirCondition, line: number): void {
    const verified = condition.verificationStatus?.coding.map(({ code = "" }) => code) ?? [];
    if (verified.some((code) => VOID_CONDITION.has(code))) return;
    const codes = new Set(condition.code === undefined ? [] : codesOf(condition.code));
    this.rules.forEach(([, rule], i) => {
      if (rule.condition?.some((code) => codes.has(code)) !== true) return;
      this.#held(condition.subject, line, "Condition").values[i] = 1;
    });
  }

  #held(subject: FhirObservation["subject"], line: number, type: string): Held {
    const held = this.patients.get(patientIdOf(subject) ?? "");
    if (held !== undefined) return held;
    throw unreadableData(
      "patient-unknown",
      `Line ${line} of ${type === "Observation" ? "an" : "a"} ${type} file speaks of a patient whom no Patient file has.`,
      "Export patients and what is known of them together.",
    );
  }
}

function ofPatient({ gender, birthDate, deceasedBoolean, deceasedDateTime }: FhirPatient, rule: FhirRule): RawValue {
  switch (rule.patient) {
    case "sex":
      return gender === undefined || gender === "unknown" ? null : gender;
    case "age":
      return birthDate === undefined ? null : ageAt(birthDate, rule.at ?? "");
    case "deceased":
      return deceasedBoolean === true || deceasedDateTime !== undefined ? 1 : 0;
    case undefined:
      return null;
  }
}

/** With a unit a quantity in it, without one a code, a whole number or yes and no; `null` where no value is told. */
function observedValue(value: FhirValue, { unit, of, comparator }: FhirRule): RawValue | "refused" {
  if (unit === undefined) {
    const coded = value.valueCodeableConcept?.coding[0]?.code ?? value.valueInteger;
    if (coded !== undefined) return coded;
    if (value.valueBoolean !== undefined) return Number(value.valueBoolean);
    // A number whose unit nobody named is counted, not lost.
    return value.valueQuantity?.value === undefined ? null : "refused";
  }
  const quantity = value.valueQuantity;
  if (quantity?.value === undefined) return null;
  if (quantity.comparator !== undefined && comparator === "refuse") return "refused";
  const way = conversion(quantity.code ?? quantity.unit ?? "", unit, of);
  return way === null ? "refused" : quantity.value * way.factor + way.offset;
}

function keep(held: Held, i: number, value: RawValue, { take }: FhirRule, time: number): void {
  const known = held.values[i];
  const isFirst = known === null || known === undefined;
  if (take === "mean") {
    held.values[i] = (typeof known === "number" ? known : 0) + Number(value);
    held.weights[i] = (isFirst ? 0 : (held.weights[i] ?? 0)) + 1;
    return;
  }
  const before = held.weights[i] ?? 0;
  if (!isFirst && (take === "latest" ? time < before : time >= before)) return;
  held.values[i] = value;
  held.weights[i] = time;
}

function noResource(line: number, type = "FHIR"): Error {
  return unreadableData(
    "unreadable",
    `Line ${line} of a FHIR file is no ${type} resource of R4.`,
    "Export it again as FHIR R4, one resource a line.",
  );
}
