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
  command(data, "deidentify <folder>", "de-identified copies of a folder's DICOM files, with a signed report")
    .requiredOption("--out <folder>", "folder to make")
    .option("--rules <file>", "YAML: what to retain, dates, burned-in text")
    .addHelpText(
      "after",
      `
Examples:
  consilium-site data deidentify ./archive --out ./clean --data ./site
  consilium-site data verify ./clean --data ./site

Rules:
  keep: [PatientSex, PatientAge]
  dates: shift
  burnedIn: { blank: [{ x: 0, y: 0, width: 640, height: 40 }] }`,
    )
    .action(async (folder: string, options: Shared & { out: string; rules?: string }) => {
      const { deidentify } = await import("./deidentify.ts");
      await deidentify(context(options), { folder, out: options.out, rules: options.rules }, stopSignal());
    });
  command(data, "verify <folder>", "hold de-identified copies against their report")
    .option("--key <key>", "the site's public key; without it, that of the data folder")
    .action(async (folder: string, options: Shared & { key?: string }) => {
      const { verifyDeidentified } = await import("./deidentify.ts");
      await verifyDeidentified(context(options), folder, options.key);
    });
}
