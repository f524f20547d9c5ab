/** Through which contract data are sanitized: a study's own, or a bare schema's with its roles named beside it. */
import { readFileSync } from "node:fs";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { DataContract } from "@consilium/shared/study/contract";
import { SchemaFile } from "@consilium/shared/study/file";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml } from "@consilium/shared/study/yamlSource";
import { readStudyFile } from "@consilium/storage/studyFile";

/** What a study says of its columns and a schema doesn't. */
export interface ColumnRoles {
  readonly labelColumn?: string | undefined;
  readonly patientColumn?: string | undefined;
  readonly splitColumn?: string | undefined;
}

const FLAGS = { labelColumn: "--label-column", patientColumn: "--patient-column", splitColumn: "--split-column" };

export function contractIn(path: string, roles: ColumnRoles): DataContract {
  const schema = bareSchema(path);
  if (schema !== null) return contractOf(path, schema, roles);
  const { document } = readStudyFile(path);
  const named = Object.entries(FLAGS).find(([role]) => Object.hasOwn(given(roles), role));
  if (named !== undefined) throw rolesOfStudy(path, named[1]);
  if (document.data.survival !== undefined)
    throw unusable(
      `${path} is a study of times, a record for each interval.`,
      "Sanitize for a study of one record a patient.",
    );
  return document.data;
}

/** Null for what isn't one, which is a study or says so itself. */
function bareSchema(path: string): SchemaFile | null {
  const text = textOf(path);
  if (text === null || !/^kind:\s*["']?Schema\b/m.test(text)) return null;
  const { value, findings } = parseSource(openYaml(path, text), SchemaFile);
  if (value !== null) return value;
  throw unusable(findings.map(formatFinding).join("\n"), "Correct the schema file.");
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (errnoOf(cause) !== null) return null;
    throw cause;
  }
}

function contractOf(path: string, { columns }: SchemaFile, roles: ColumnRoles): DataContract {
  const { labelColumn, patientColumn, splitColumn } = roles;
  const label = columns.find(({ name }) => name === labelColumn);
  if (label?.type !== "category") {
    const what = labelColumn === undefined ? "names no label" : `has no category column '${labelColumn}'`;
    throw unusable(`${path} is a schema, which ${what}.`, "Name one of its category columns with --label-column.");
  }
  const parsed = DataContract.safeParse({
    columns: columns.filter((column) => column !== label),
    label: { name: label.name, values: label.values },
    ...(patientColumn === undefined ? {} : { patient: patientColumn }),
    ...(splitColumn === undefined ? {} : { split: splitColumn }),
  });
  if (parsed.success) return parsed.data;
  const why = parsed.error.issues.map(({ message }) => message).join("; ");
  throw unusable(
    `${path} with these columns is no contract: ${why}.`,
    "Name columns that the schema has for nothing else.",
  );
}

function given(roles: ColumnRoles): Partial<ColumnRoles> {
  return Object.fromEntries(Object.entries(roles).filter(([, name]) => name !== undefined));
}

function rolesOfStudy(path: string, flag: string): Failure {
  return new Failure({
    code: "sanitizer/study-has-roles",
    kind: "usage",
    what: `${path} is a study, which says itself what its label, patient key and split are.`,
    remedy: `Leave ${flag} out, or give the bare schema file.`,
  });
}

function unusable(what: string, remedy: string): Failure {
  return new Failure({ code: "sanitizer/schema", kind: "usage", what, remedy });
}
