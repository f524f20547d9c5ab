import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isThere } from "@consilium/certs/files";
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import type { Shared } from "./flags.ts";

type MakeCommand = (parent: Command, nameAndArguments: string, description: string) => Command;

export function addDeidentify(
  data: Command,
  command: MakeCommand,
  context: (options: Shared) => CommandContext,
  stopSignal: () => AbortSignal,
): void {
  command(
    data,
    "deidentify <path>",
    "a de-identified copy of a table, or of a folder's DICOM files, with a signed report",
  )
    .requiredOption("--out <folder>", "folder to make")
    .option("--rules <file>", "YAML: what to retain, dates, burned-in text; of a data set's file its own rules hold")
    .addHelpText(
      "after",
      `
Examples:
  consilium-site data deidentify ./archive --out ./clean --data ./site
  consilium-site data deidentify visits.yaml --out ./clean --data ./site
  consilium-site data verify ./clean --data ./site

Rules of a table, also in a data set's file under deidentify:
  patient: subject
  dates: { admitted: shift }
  ages: [age]
  zips: [zip]
  keep: [diagnosis]

Rules of DICOM files:
  keep: [PatientSex, PatientAge]
  dates: shift
  burnedIn: { blank: [{ x: 0, y: 0, width: 640, height: 40 }] }`,
    )
    .action(async (path: string, options: Shared & { out: string; rules?: string }) => {
      const named = { folder: path, out: options.out, rules: options.rules };
      const isTable = (await stat(path).catch(() => null))?.isFile() === true;
      const run = isTable
        ? (await import("./deidentifyTable.ts")).deidentifyTable
        : (await import("./deidentify.ts")).deidentify;
      await run(context(options), named, stopSignal());
    });
  command(data, "verify <folder>", "hold de-identified copies, or released records, against what was signed")
    .option("--key <key>", "the site's public key; without it, that of the data folder")
    .action(async (folder: string, options: Shared & { key?: string }) => {
      const { RELEASE_FILE } = await import("../sanitizer/recordsRelease.ts");
      if (await isThere(join(folder, RELEASE_FILE))) {
        const { verifyRecords } = await import("./recordsVerify.ts");
        return verifyRecords(context(options), folder, options.key);
      }
      const { verifyDeidentified } = await import("./deidentifyVerify.ts");
      await verifyDeidentified(context(options), folder, options.key);
    });
}
