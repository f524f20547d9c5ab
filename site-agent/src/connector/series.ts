/**
 * Long tables with a row for each visit, as one record a patient: `sbp_1 … sbp_12` for the visits that the data set's
 * file lists, in its order. What was not measured stays missing; what comes twice is refused, or settled by rule.
 */
import { categoryKey } from "@consilium/shared/study/contract";
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import { type Connector, placesOf, type SourceFinding, unreadableData } from "./connector.ts";
import type { SeriesSource } from "./source.ts";

/** Values of all patients that are held while the table is read: 400,000 patients with 12 visits of 10 values. */
const HELD_VALUES_MAX = 50_000_000;
const ROWS_PER_CHUNK = 1024;

export async function openSeries(source: SeriesSource, at: (path: string) => string): Promise<Connector> {
  const { openTable } = await import("./table.ts");
  const visits = await openTable(at(source.file), source);
  try {
    placesOf(await visits.columns(), [source.patient, source.visit, ...source.columns]);
    const fixed = await readFixed(source, at);
    const visitNames = source.columns.flatMap((name) => source.visits.map((_, i) => `${name}_${i + 1}`));
    const names = [source.patient, ...fixed.names, ...visitNames];
    let unseen: readonly SourceFinding[] = [];
    const gathered = async () => {
      const patients = await gather(visits, source, fixed);
      const count = [...(fixed.byPatient?.keys() ?? [])].filter((patient) => !patients.has(patient)).length;
      unseen = count === 0 ? [] : [{ column: source.patient, problem: "no-visit", count }];
      return patients;
    };
    return {
      columns: async () => names,
      rows: (columns) => records(gathered, fixed, placesOf(names, columns)),
      findings: () => [...visits.findings(), ...unseen],
      close: () => visits.close(),
    };
  } catch (error) {
    await visits.close();
    throw error;
  }
}

/** What doesn't change from visit to visit, by patient. */
interface Fixed {
  readonly names: readonly string[];
  readonly byPatient: ReadonlyMap<string, readonly RawValue[]> | null;
}

async function readFixed({ patients }: SeriesSource, at: (path: string) => string): Promise<Fixed> {
  if (patients === undefined) return { names: [], byPatient: null };
  const { openTable } = await import("./table.ts");
  const { file, patient, ...choice } = patients;
  const table = await openTable(at(file), choice);
  try {
    const names = (await table.columns()).filter((name) => name !== patient);
    const byPatient = new Map<string, readonly RawValue[]>();
    let rows = 0;
    for await (const chunk of table.rows([patient, ...names])) {
      for (const [key, ...values] of chunk) {
        rows += 1;
        const known = keyOf(key, rows, "patients");
        if (byPatient.has(known)) throw repeatedPatient(rows);
        byPatient.set(known, values);
      }
    }
    return { names, byPatient };
  } finally {
    await table.close();
  }
}

async function* records(
  gathered: () => Promise<ReadonlyMap<string, Series>>,
  fixed: Fixed,
  places: readonly number[],
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const patients = await gathered();
  let chunk: (readonly RawValue[])[] = [];
  for (const [patient, series] of patients) {
    const record = [patient, ...(fixed.byPatient?.get(patient) ?? []), ...series.values()];
    chunk.push(places.map((place) => record[place] ?? null));
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Patients in the order of their first visits; one without a listed visit is there too, with nothing measured. */
async function gather(visits: Connector, source: SeriesSource, fixed: Fixed): Promise<ReadonlyMap<string, Series>> {
  const order = new Map(source.visits.map((visit, i) => [categoryKey(visit), i]));
  const patients = new Map<string, Series>();
  const width = source.columns.length * source.visits.length;
  let row = 0;
  for await (const chunk of visits.rows([source.patient, source.visit, ...source.columns])) {
    for (const [key, visit, ...values] of chunk) {
      row += 1;
      const patient = keyOf(key, row, "visits");
      if (fixed.byPatient !== null && !fixed.byPatient.has(patient)) throw unknownPatient(row);
      const series = patients.get(patient) ?? new Series(source);
      patients.set(patient, series);
      if (patients.size * width > HELD_VALUES_MAX) throw tooMany();
      const place = isAbsent(visit) || isArrayValue(visit) ? undefined : order.get(categoryKey(visit));
      if (place !== undefined) series.add(place, values, row);
      else if (source.otherVisits === "refuse") throw unknownVisit(row);
    }
  }
  return patients;
}

/** One patient's visits. */
class Series {
  readonly #visits = new Map<number, { values: readonly RawValue[]; more: (readonly RawValue[])[] }>();

  constructor(private readonly source: SeriesSource) {}

  add(visit: number, values: readonly RawValue[], row: number): void {
    const known = this.#visits.get(visit);
    const { duplicates } = this.source;
    if (known !== undefined && duplicates === "refuse") throw repeatedVisit(row);
    if (known === undefined || duplicates === "last") this.#visits.set(visit, { values, more: [] });
    else if (duplicates === "mean") {
      const all = [...known.values, ...values];
      if (all.some((value) => !isAbsent(value) && numberOf(value) === null)) throw noMean(row);
      known.more.push(values);
    }
  }

  /** Column by column, each visit by visit. */
  values(): readonly RawValue[] {
    return this.source.columns.flatMap((_, column) => this.source.visits.map((_, visit) => this.#value(visit, column)));
  }

  #value(visit: number, column: number): RawValue {
    const known = this.#visits.get(visit);
    if (known === undefined || known.more.length === 0) return known?.values[column] ?? null;
    const all = [known.values, ...known.more].flatMap((values) => numberOf(values[column]) ?? []);
    return all.length === 0 ? null : all.reduce((sum, value) => sum + value, 0) / all.length;
  }
}

function numberOf(value: RawValue): number | null {
  return isAbsent(value) || isArrayValue(value) ? null : parseNumber(value);
}

function keyOf(value: RawValue, row: number, table: string): string {
  if (!isAbsent(value) && !isArrayValue(value)) return String(value).trim();
  throw unreadableData(
    "patient-missing",
    `Row ${row} of the table of ${table} has no patient.`,
    "Add the key: a patient's visits are told by it.",
  );
}

function unknownVisit(row: number): Error {
  return unreadableData(
    "visit-unknown",
    `Row ${row} has a visit that the data set's file doesn't list.`,
    "List it under visits, or leave such visits out: otherVisits: skip.",
  );
}

function repeatedVisit(row: number): Error {
  return unreadableData(
    "visit-repeated",
    `Row ${row} is the same visit of the same patient as an earlier one.`,
    "Correct the export, or say which counts: duplicates: first, last or mean.",
  );
}

function noMean(row: number): Error {
  return unreadableData(
    "visit-repeated",
    `Row ${row} repeats a visit, and has a value of which there is no mean.`,
    "Say duplicates: first or last, or leave the column out.",
  );
}

function repeatedPatient(row: number): Error {
  return unreadableData(
    "patient-repeated",
    `Row ${row} of the table of patients has the key of an earlier one.`,
    "The table has one row a patient; what changes from visit to visit belongs to the table of visits.",
  );
}

function unknownPatient(row: number): Error {
  return unreadableData(
    "patient-unknown",
    `Row ${row} is a visit of a patient whom the table of patients doesn't have.`,
    "Add the patient's row, or take the visit out.",
  );
}

function tooMany(): Error {
  return unreadableData(
    "too-large",
    `Visits have more than ${HELD_VALUES_MAX} values in all.`,
    "List fewer visits or columns, or export one row a patient.",
  );
}
