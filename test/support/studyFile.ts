import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";

const STUDIES = fileURLToPath(new URL("../../shared/studies/", import.meta.url));

export type ShippedStudy = "heart" | "deeptype-metabric" | "trial" | "tcga-brca";

/** A shorter form of a shipped study with some of its sites, written to a folder; `set` overrides by path: `training.rounds`. */
export function writeStudy(
  shipped: ShippedStudy,
  folder: string,
  options: {
    readonly name: string;
    readonly sites: readonly string[];
    readonly set?: Readonly<Record<string, unknown>>;
  },
): string {
  mkdirSync(folder, { recursive: true });
  cpSync(join(STUDIES, shipped, "schema.yaml"), join(folder, "schema.yaml"));
  const document = parseDocument(readFileSync(join(STUDIES, shipped, "study.yaml"), "utf8"));
  document.set("name", options.name);
  const kept = document.toJS().sites.filter(({ name }: { name: string }) => options.sites.includes(name));
  document.set("sites", kept);
  for (const [path, value] of Object.entries(options.set ?? {})) document.setIn(path.split("."), value);
  const file = join(folder, `${options.name}.yaml`);
  writeFileSync(file, document.toString());
  return file;
}

/** Where a site's records of a shipped study lie. */
export function recordsOf(shipped: ShippedStudy, site: string): string {
  return join(STUDIES, shipped, "data", `${site}.csv`);
}
