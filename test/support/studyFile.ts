import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";

export const HEART_FOLDER = fileURLToPath(new URL("../../shared/studies/heart/", import.meta.url));

/** A shorter heart study of some of its sites, written to a folder; `set` overrides by path: `training.rounds`. */
export function writeHeartStudy(
  folder: string,
  options: {
    readonly name: string;
    readonly sites: readonly string[];
    readonly set?: Readonly<Record<string, unknown>>;
  },
): string {
  mkdirSync(folder, { recursive: true });
  cpSync(join(HEART_FOLDER, "schema.yaml"), join(folder, "schema.yaml"));
  const document = parseDocument(readFileSync(join(HEART_FOLDER, "study.yaml"), "utf8"));
  document.set("name", options.name);
  const kept = document.toJS().sites.filter(({ name }: { name: string }) => options.sites.includes(name));
  document.set("sites", kept);
  for (const [path, value] of Object.entries(options.set ?? {})) document.setIn(path.split("."), value);
  const file = join(folder, `${options.name}.yaml`);
  writeFileSync(file, document.toString());
  return file;
}

/** Where a site's records of the heart study lie. */
export function heartRecords(site: string): string {
  return join(HEART_FOLDER, "data", `${site}.csv`);
}
