import { z } from "zod";

const text = z.string().min(1).max(400);

const Component = z.strictObject({
  type: z.literal("library"),
  "bom-ref": text,
  name: text,
  version: text,
  /** Of packages from npm's registry; what is part of this software has none. */
  purl: z.string().startsWith("pkg:npm/").max(400).optional(),
  licenses: z
    .array(z.union([z.strictObject({ expression: text }), z.strictObject({ license: z.strictObject({ name: text }) })]))
    .length(1)
    .optional(),
});

/** A software bill of materials in CycloneDX 1.6 (ECMA-424), as far as a release takes it. */
export const Sbom = z
  .strictObject({
    bomFormat: z.literal("CycloneDX"),
    specVersion: z.literal("1.6"),
    version: z.literal(1),
    metadata: z.strictObject({
      component: z.strictObject({ type: z.literal("application"), "bom-ref": text, name: text, version: text }),
    }),
    components: z.array(Component).max(10_000),
    dependencies: z.array(z.strictObject({ ref: text, dependsOn: z.array(text) })).max(10_001),
  })
  .refine(({ metadata, components, dependencies }) => {
    const refs = [metadata.component["bom-ref"], ...components.map((component) => component["bom-ref"])];
    const known = new Set(refs);
    const told = new Set(dependencies.map(({ ref }) => ref));
    return (
      known.size === refs.length &&
      told.size === dependencies.length &&
      refs.every((ref) => told.has(ref)) &&
      dependencies.every(({ ref, dependsOn }) => [ref, ...dependsOn].every((own) => known.has(own)))
    );
  }, "every component has a reference of its own, and every dependency names one");
export type Sbom = z.infer<typeof Sbom>;

/** A package as it is installed. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  /** Part of this software, published nowhere. */
  readonly isOwn: boolean;
  /** `name@version` of what it runs with. */
  readonly runsWith: readonly string[];
}

export function packageRef({ name, version }: Pick<InstalledPackage, "name" | "version">): string {
  return `${name}@${version}`;
}

/** What a program runs with: the first package is the program itself. The same packages give the same bill. */
export function sbomOf(program: InstalledPackage, packages: readonly InstalledPackage[]): Sbom {
  const sorted = [...packages].sort((a, b) => (packageRef(a) < packageRef(b) ? -1 : 1));
  return Sbom.parse({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": packageRef(program),
        name: program.name,
        version: program.version,
      },
    },
    components: sorted.map((own) => ({
      type: "library",
      "bom-ref": packageRef(own),
      name: own.name,
      version: own.version,
      ...(own.isOwn ? {} : { purl: `pkg:npm/${own.name.replace("@", "%40")}@${own.version}` }),
      ...(own.license === undefined ? {} : { licenses: [licenseOf(own.license)] }),
    })),
    dependencies: [program, ...sorted].map((own) => ({
      ref: packageRef(own),
      dependsOn: [...own.runsWith].sort(),
    })),
  });
}

/** An SPDX expression, or what the package says in words. */
function licenseOf(license: string) {
  const isExpression = /^\(?[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*\)?$/.test(license);
  return isExpression ? { expression: license } : { license: { name: license } };
}
