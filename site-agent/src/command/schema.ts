import { z } from "zod";
import { SiteConfig } from "../config.ts";

/** JSON Schema (2020-12) of `site.yaml`, for editors. */
export function siteSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(SiteConfig, { io: "input" });
}
