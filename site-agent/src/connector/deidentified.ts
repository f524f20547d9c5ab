/** Records as the data set's file has them de-identified, before names and units become those of studies. */
import { isAbsent, isArrayValue, type RawValue } from "@consilium/shared/study/features";
import { nearest } from "@consilium/shared/study/issues";
import type { SiteSecret } from "../deidentification/patientKey.ts";
import { type ColumnPlan, ColumnWork, namesOf, planColumn, type TableRules } from "../deidentification/tableRules.ts";
import { type Connector, placesOf, unreadableData } from "./connector.ts";

/** `removed` columns are as if they weren't there. */
export async function deidentified(connector: Connector, rules: TableRules, secret: SiteSecret): Promise<Connector> {
  const plans = await plansOf(connector, rules);
  const kept = plans.filter(({ deed }) => deed !== "removed").map(({ name }) => name);
  let work: readonly ColumnWork[] = [];
  return {
    columns: async () => kept,
    rows: (columns) => {
      placesOf(kept, columns);
      work = columns.map((name) => new ColumnWork(planColumn(name, rules), secret));
      return deidentifiedRows(connector, work, rules.patient);
    },
    findings: () => [...connector.findings(), ...work.flatMap(findingsOf)],
    close: () => connector.close(),
  };
}

/** What becomes of each column; a rule for one that isn't there is a Failure. */
export async function plansOf(connector: Connector, rules: TableRules): Promise<readonly ColumnPlan[]> {
  const own = await connector.columns();
  for (const name of namesOf(rules)) {
    if (own.includes(name)) continue;
    const near = nearest(name, own);
    throw unreadableData(
      "deidentify-missing",
      `The rules of de-identification name '${name}', and the data have no such column.`,
      near === null ? "Correct the name; names count by case." : `Did you mean '${near}'? Names count by case.`,
    );
  }
  return own.map((name) => planColumn(name, rules));
}

export async function* deidentifiedRows(
  connector: Connector,
  work: readonly ColumnWork[],
  patient: string | undefined,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const names = work.map(({ plan }) => plan.name);
  const asked = patient === undefined || names.includes(patient) ? names : [...names, patient];
  const patientAt = patient === undefined ? -1 : asked.indexOf(patient);
  for await (const chunk of connector.rows(asked))
    yield chunk.map((row) => {
      const key = row[patientAt];
      const whose = isAbsent(key) || isArrayValue(key) ? null : String(key).trim();
      return work.map((column, i) => column.value(row[i], whose));
    });
  const old = work.find((column) => column.old > 0);
  if (old !== undefined) throw unbanded(old.plan.name);
}

function findingsOf({ plan: { name: column }, unreadable: count }: ColumnWork) {
  return count === 0 ? [] : [{ column, problem: "not-deidentified" as const, count }];
}

function unbanded(column: string): Error {
  return unreadableData(
    "age-not-banded",
    `'${column}' is named like an age, holds 90 or more, and no rule of de-identification speaks of it.`,
    "List it in deidentify: under ages, or under keep if it is none in years.",
  );
}
