import { Failure } from "@consilium/shared/failure/failure";
import { SchemaFile, StudyFile } from "@consilium/shared/study/file";
import type { Command } from "commander";
import { z } from "zod";
import { CoordinatorConfig } from "../config.ts";

/** Files that people write for the coordinator. */
const FILES = { study: StudyFile, data: SchemaFile, coordinator: CoordinatorConfig } as const;

/** `consilium schema`: JSON Schema (2020-12) of a file, for editors. */
export function registerSchema(parent: Command): void {
  parent
    .command("schema")
    .description("print the JSON Schema of a file that people write, with every key's meaning")
    .argument("<kind>", `one of ${Object.keys(FILES).join(", ")}`)
    .addHelpText(
      "after",
      "\nExamples:\n  consilium schema study > study.schema.json\n" +
        "  # first line of study.yaml: # yaml-language-server: $schema=./study.schema.json",
    )
    .action((kind: string) => {
      process.stdout.write(`${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`);
    });
}

export function jsonSchemaOf(kind: string): Readonly<Record<string, unknown>> {
  const [, file] = Object.entries(FILES).find(([name]) => name === kind) ?? [];
  if (file !== undefined) return z.toJSONSchema(file, { io: "input" });
  throw new Failure({
    code: "usage/unknown-schema",
    kind: "usage",
    what: `There is no file of kind '${kind}'.`,
    remedy: `Name one of ${Object.keys(FILES).join(", ")}.`,
  });
}
