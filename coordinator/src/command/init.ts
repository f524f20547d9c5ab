import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import { EXAMPLE_SCHEMA, EXAMPLE_STUDY } from "../study/exampleFiles.ts";

/** `consilium init`: a study file and a schema file to start from. */
export function registerInit(parent: Command): void {
  parent
    .command("init")
    .description("write a commented study file and schema file to start from")
    .argument("[dir]", "folder; made where it is not there", ".")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExamples:\n  consilium init my-study\n  consilium validate my-study/study.yaml")
    .action((folder: string, options: { json?: boolean }) => {
      const files = init(folder);
      const text = `Wrote ${files.join(" and ")}.\nNext: consilium validate ${files[0]}\n`;
      process.stdout.write(options.json === true ? `${JSON.stringify({ files })}\n` : text);
    });
}

/** Writes both files and returns their paths, the study file first. Refuses to touch one that is there. */
export function init(folder: string): readonly string[] {
  const files = [
    { path: join(folder, "study.yaml"), text: EXAMPLE_STUDY },
    { path: join(folder, "schema.yaml"), text: EXAMPLE_SCHEMA },
  ];
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined) {
    throw new Failure({
      code: "init/file-exists",
      kind: "refused",
      what: `${there.path} is there already; nothing was written.`,
      remedy: "Give another folder: consilium init DIR",
    });
  }
  mkdirSync(folder, { recursive: true });
  for (const { path, text } of files) writeFileSync(path, text, { flag: "wx" });
  return files.map(({ path }) => path);
}
