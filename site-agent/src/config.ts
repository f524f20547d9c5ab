import { readFile } from "node:fs/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml, withValue } from "@consilium/shared/study/yamlSource";
import { PublicKey, SiteName } from "@consilium/shared/units/identity";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { Policy } from "./approval/policy.ts";
import { EngineSettings } from "./engine/settings.ts";

/** `site.yaml`: what the hospital settles by itself; none of it is sent to anyone. */
export const SiteConfig = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Site"),
  name: SiteName.describe("This hospital's name in the consortium, as it was invited."),
  coordinator: z.strictObject({
    url: z.url({ protocol: /^https$/ }).describe("Where the agent connects: the listener with mutual TLS."),
    key: PublicKey.describe("The coordinator's public key, pinned when the site joined."),
  }),
  allow: Policy.default({}),
  engine: EngineSettings.prefault({}).describe("The processes that compute gradients."),
  telemetry: z
    .strictObject({
      logs: z.strictObject({
        level: z.enum(["info", "warn", "error"]).default("info").describe("Least level that is logged."),
      }),
    })
    .default({ logs: { level: "info" } }),
});
export type SiteConfig = z.infer<typeof SiteConfig>;

const ENVIRONMENT_PREFIX = "CONSILIUM_";

/** Reads `site.yaml`; `CONSILIUM_TELEMETRY__LOGS__LEVEL=warn` overrides `telemetry.logs.level`. */
export async function readConfig(path: string, environment: NodeJS.ProcessEnv): Promise<SiteConfig> {
  return parseConfig(await readFile(path, "utf8"), path, environment);
}

export function parseConfig(text: string, path: string, environment: NodeJS.ProcessEnv): SiteConfig {
  const source = openYaml(path, text);
  const { value, findings } = parseSource({ ...source, value: overridden(source.value, environment) }, SiteConfig);
  if (value !== null) return value;
  throw new Failure({
    code: "config/invalid",
    kind: "config",
    what: findings.map(formatFinding).join("\n"),
    remedy: "Correct the file; nothing was started or changed.",
  });
}

export function configText(config: SiteConfig): string {
  return `# This site's own settings. Restart the agent after a change: consilium-site stop; consilium-site start\n${stringify(config)}`;
}

/** The file's value with every override of the environment in it. */
function overridden(value: unknown, environment: NodeJS.ProcessEnv): unknown {
  return Object.entries(environment).reduce((whole, [name, text]) => {
    const keys = overriddenPath(name);
    return keys === null || text === undefined ? whole : withValue(whole, keys, parse(text));
  }, value);
}

/** `CONSILIUM_COORDINATOR__URL` → ["coordinator", "url"], for groups of the file alone. */
function overriddenPath(name: string): readonly string[] | null {
  if (!name.startsWith(ENVIRONMENT_PREFIX)) return null;
  const words = name.slice(ENVIRONMENT_PREFIX.length).toLowerCase().split("__");
  const keys = words.map((word) => word.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  const [top] = keys;
  return top !== undefined && keys.length > 1 && Object.hasOwn(SiteConfig.shape, top) ? keys : null;
}
