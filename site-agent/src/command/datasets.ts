import { realpath } from "node:fs/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { isArrayValue, type RawValue } from "@consilium/shared/study/features";
import { DatasetId } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { Connector } from "../connector/connector.ts";
import { contentOf } from "../contract/content.ts";
import { DatasetRecord } from "../storage/records.ts";
import { askSite, type CommandContext } from "./context.ts";
import { openNamed } from "./localFile.ts";
import { runnable, table } from "./output.ts";

/** Rows of a preview. */
const PREVIEW_ROWS = 5;
/** Columns of a preview that fit a screen. */
const PREVIEW_COLUMNS = 12;

/** Gives data a name, under which their budget is kept. Looks at the header, and takes the digests of the files. */
export async function register(context: CommandContext, name: string, path: string): Promise<void> {
  const dataset = DatasetId.parse(name);
  const columns = await withData(path, (connector) => connector.columns());
  const file = await realpath(path);
  const { digest, files } = await contentOf(file);
  const request = { ask: "register-dataset" as const, dataset, path: file, content: digest, files: [...files] };
  const record = await askSite(context, request, DatasetRecord);
  context.output.result({ ...record, columns: columns.length }, [
    `Registered ${dataset}: ${columns.length} columns.`,
    runnable(`Next: consilium-site budget cap ${dataset} --epsilon E --delta D`),
  ]);
}

export async function list(context: CommandContext): Promise<void> {
  const datasets = await askSite(context, { ask: "datasets" }, z.array(DatasetRecord));
  const rows = datasets.map(({ dataset, path, registeredAt, frozen }) => [
    dataset,
    path,
    registeredAt,
    frozen ? "frozen" : "",
  ]);
  const none = [runnable("No data set yet: consilium-site data register NAME PATH")];
  context.output.result({ datasets }, rows.length === 0 ? none : table(["data set", "path", "registered", ""], rows));
}

/** A few rows as they lie in the file: for eyes that may read them anyway. Nothing is stored, sent or logged. */
export async function preview(context: CommandContext, name: string): Promise<void> {
  const wanted = DatasetId.parse(name);
  const datasets = await askSite(context, { ask: "datasets" }, z.array(DatasetRecord));
  const record = datasets.find(({ dataset }) => dataset === wanted);
  if (record === undefined) throw unknownDataset(wanted);
  const { columns, rows } = await withData(record.path, async (connector) => {
    const all = await connector.columns();
    const shown = all.slice(0, PREVIEW_COLUMNS);
    return { columns: all, rows: await firstRows(connector, shown) };
  });
  const shown = columns.slice(0, PREVIEW_COLUMNS);
  const cells = rows.map((row) => row.map(cellText));
  const more = columns.length > shown.length ? [`and ${columns.length - shown.length} columns more`] : [];
  context.output.result({ dataset: wanted, columns, rows }, [...table(shown, cells), ...more]);
}

/** The data set of that name; without a name, the only one. */
export async function registeredDataset(context: CommandContext, name: string | undefined): Promise<DatasetRecord> {
  const datasets = await askSite(context, { ask: "datasets" }, z.array(DatasetRecord));
  const wanted = name === undefined ? null : DatasetId.parse(name);
  const [only, another] = datasets.filter(({ dataset }) => wanted === null || dataset === wanted);
  if (only !== undefined && another === undefined) return only;
  throw new Failure({
    code: "data/not-named",
    kind: "usage",
    what:
      wanted === null ? `There are ${datasets.length} registered data sets.` : `No data set ${wanted} is registered.`,
    remedy:
      "Name one with --dataset; see consilium-site data list, or register it: consilium-site data register NAME PATH",
  });
}

async function firstRows(
  connector: Connector,
  columns: readonly string[],
): Promise<(readonly (string | number | null)[])[]> {
  for await (const chunk of connector.rows(columns))
    return chunk.slice(0, PREVIEW_ROWS).map((row) => row.map(shownCell));
  return [];
}

/** A cell as a terminal can show it: of an image its size, never its pixels. */
function shownCell(value: RawValue): string | number | null {
  if (isArrayValue(value)) return `${value.shape.join("×")} numbers`;
  return value ?? null;
}

/** Six digits tell what a column is like; all of them are in the JSON. */
function cellText(value: string | number | null): string {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : (value ?? "");
}

async function withData<T>(path: string, read: (connector: Connector) => Promise<T>): Promise<T> {
  const connector = await openNamed(path);
  try {
    return await read(connector);
  } finally {
    await connector.close();
  }
}

function unknownDataset(dataset: DatasetId): Failure {
  return new Failure({
    code: "data/unknown",
    kind: "usage",
    what: `No data set ${dataset} is registered at this site.`,
    remedy: `See consilium-site data list, or register it: consilium-site data register ${dataset} PATH`,
  });
}
