/** The table beside a folder of pictures: what belongs to a picture, by the text that names it. */
import type { RawValue } from "@consilium/shared/study/features";
import { type Connector, unreadableData } from "./connector.ts";

export interface Besides {
  readonly names: readonly string[];
  /** In the table's order. */
  readonly lines: readonly { readonly key: string; readonly values: readonly RawValue[] }[];
}

const NONE: Besides = { names: [], lines: [] };

/** The table's columns but the one that names pictures. It is small: labels, not records. */
export async function readBesides(path: string | undefined, key: string | undefined): Promise<Besides> {
  if (path === undefined || key === undefined) return NONE;
  const table = await (await import("./table.ts")).openTable(path);
  try {
    return await linesOf(table, key);
  } finally {
    await table.close();
  }
}

async function linesOf(table: Connector, key: string): Promise<Besides> {
  const names = (await table.columns()).filter((name) => name !== key);
  const lines: { key: string; values: readonly RawValue[] }[] = [];
  for await (const chunk of table.rows([key, ...names])) {
    for (const [named, ...values] of chunk) {
      if (typeof named !== "string" || named.trim() === "")
        throw unreadableData(
          "unnamed-picture",
          "A line of the table names no picture.",
          "Fill the column, or drop the line.",
        );
      lines.push({ key: named.trim(), values });
    }
  }
  return { names, lines };
}

/** Lines by what they name; a name twice would give one picture two labels. */
export function byKey({ lines }: Besides): ReadonlyMap<string, readonly RawValue[]> {
  const found = new Map(lines.map(({ key, values }) => [key, values]));
  if (found.size === lines.length) return found;
  throw unreadableData("picture-named-twice", "The table names a picture or patient twice.", "Keep one line of each.");
}
