import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Sbom } from "@consilium/shared/release/sbom";
import { describe, expect, test } from "vitest";
import { installedSbom } from "./installedPackages.ts";

const folder = fileURLToPath(new URL("../..", import.meta.url));
const sbom = installedSbom(folder, "7.8.9");

describe("[REL11] what the coordinator runs with", () => {
  test("is told of every package that it needs, in the version that is installed", () => {
    const needed = Object.keys(JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).dependencies);
    const names = new Set(sbom.components.map(({ name }) => name));
    expect(needed.filter((name) => !names.has(name))).toEqual([]);
    const { version } = JSON.parse(readFileSync(`${folder}/../node_modules/express/package.json`, "utf8"));
    expect(sbom.components).toContainEqual(
      expect.objectContaining({ name: "express", version, purl: `pkg:npm/express@${version}` }),
    );
    expect(sbom.components.length).toBeGreaterThan(50);
    expect(sbom.metadata.component).toMatchObject({ name: "@consilium/coordinator", version: "7.8.9" });
  });

  test("is the same bill each time, and names no address, folder or own package as a registry's", () => {
    expect(installedSbom(folder, "7.8.9")).toEqual(sbom);
    expect(JSON.stringify(sbom)).not.toMatch(/https?:|\/(home|tmp|work|opt)\//);
    const own = sbom.components.filter(({ name }) => name.startsWith("@consilium/"));
    expect(own.length).toBeGreaterThan(3);
    expect(own.filter(({ purl }) => purl !== undefined)).toEqual([]);
  });

  test("has what CycloneDX 1.6 requires: format, version, type and name, a reference of its own for each", () => {
    expect(sbom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
    const [first] = sbom.components;
    if (first === undefined) throw new Error("no component");
    for (const broken of [
      { ...sbom, specVersion: "1.5" },
      { ...sbom, components: [...sbom.components, first] },
      { ...sbom, components: sbom.components.slice(1) },
      { ...sbom, dependencies: sbom.dependencies.slice(1) },
      { ...sbom, components: sbom.components.map(({ name: _, ...rest }) => rest) },
    ])
      expect(Sbom.safeParse(broken).success).toBe(false);
  });
});
