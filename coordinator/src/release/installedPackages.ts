import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { type InstalledPackage, packageRef, type Sbom, sbomOf } from "@consilium/shared/release/sbom";
import { z } from "zod";

const Dependencies = z.record(z.string(), z.string()).default({});
const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  private: z.boolean().default(false),
  license: z.string().optional(),
  dependencies: Dependencies,
  optionalDependencies: Dependencies,
});

/** What the program in a folder runs with, by the packages that are installed for it here and now. */
export function installedSbom(folder: string, version: string): Sbom {
  const found: Packages = new Map();
  const program = visit(realpathSync(folder), found);
  const others = [...found.values()].filter((own) => packageRef(own) !== packageRef(program));
  return sbomOf({ ...program, version }, others);
}

type Packages = Map<string, InstalledPackage>;

/** Reads a package and what is installed of all that it names. At several places it is one, with the needs of all. */
function visit(folder: string, found: Packages, seen: Packages = new Map()): InstalledPackage {
  const before = seen.get(folder);
  if (before !== undefined) return before;
  const { name, version, license, ...own } = Manifest.parse(
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8")),
  );
  const entry = { name, version, license, isOwn: own.private, runsWith: [] };
  seen.set(folder, entry);
  const needed = Object.keys({ ...own.dependencies, ...own.optionalDependencies }).flatMap((dependency) => {
    const place = placeOf(dependency, folder);
    return place === null ? [] : [packageRef(visit(place, found, seen))];
  });
  const ref = packageRef(entry);
  const runsWith = [...new Set([...(found.get(ref)?.runsWith ?? []), ...needed])];
  const whole = { ...entry, runsWith };
  found.set(ref, whole);
  seen.set(folder, whole);
  return whole;
}

/** Where Node finds a package from a folder: in the nearest `node_modules` above that has it. */
function placeOf(dependency: string, from: string): string | null {
  const place = join(from, "node_modules", dependency);
  if (existsSync(join(place, "package.json"))) return realpathSync(place);
  return dirname(from) === from ? null : placeOf(dependency, dirname(from));
}
