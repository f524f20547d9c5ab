import { z } from "zod";
import { SiteConfig } from "../config.ts";
import { DatasetFile } from "../connector/source.ts";

/** JSON Schema (2020-12) of `site.yaml`, for editors. */
export function siteSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(SiteConfig, { io: "input" });
}

/** The same of a data set's file. */
export function datasetSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(DatasetFile, { io: "input", unrepresentable: "any" });
}
