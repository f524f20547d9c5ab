import { ENGINES_VARIABLE, enginesFolder } from "@consilium/engine/nativeEngine";
import { type Command, Option } from "commander";
import { dataFolder } from "../storage/folder.ts";
import type { InstallFlags } from "./engine.ts";
import { dataOption, type Shared } from "./flags.ts";
import type { Output } from "./output.ts";

interface FolderFlags {
  readonly folder: string;
  readonly json?: boolean;
}

/** `consilium-site engine …`: needs no site, for an engine belongs to the machine. */
export function addEngineCommands(program: Command, outputOf: (options: FolderFlags) => Output): void {
  const engine = program.command("engine").description("what computes gradients on this machine");
  const add = (name: string, description: string): Command =>
    engine
      .command(name)
      .description(description)
      .addOption(folderOption())
      .option("--json", "one JSON value on standard output");
  add("install", "build a native engine from TensorFlow's wheel, test it and use it from the agent's next start")
    .option("--from-pypi", "fetch the wheel by this machine's pip (274 MB; with --gpu 3.5 GB)")
    .option("--from <paths...>", "use these files instead, or those of a folder: wheel, npm packages")
    .option("--sha256 <hex>", "with --from: digest of another library than the known one")
    .option("--gpu", "the build for NVIDIA's GPUs, with CUDA")
    .addHelpText("after", INSTALL_HELP)
    .action(async (options: FolderFlags & InstallFlags) =>
      (await import("./engine.ts")).installEngine(outputOf(options), process.env, options),
    );
  add("status", "which backend runs, how fast, why not a faster one; workers and studies of a running agent")
    .addOption(dataOption())
    .action(async (options: FolderFlags & Shared) =>
      (await import("./engine.ts")).showEngine(outputOf(options), options.folder, dataFolder(options.data)),
    );
  add("remove", "delete what `engine install` made").action(async (options: FolderFlags) =>
    (await import("./engine.ts")).removeEngine(outputOf(options), options.folder),
  );
}

/** A default that is this account's own; `CONSILIUM_ENGINES`, which the agent's process reads too, names another. */
function folderOption(): Option {
  return new Option("--folder <dir>", "where engines are kept")
    .env(ENGINES_VARIABLE)
    .default(enginesFolder(process.env));
}

const INSTALL_HELP = `
Needs Linux on x86-64 with glibc, g++ and 2 GB of disk (--gpu: 12 GB); with --from-pypi also pip and npm. Takes about
a minute. A finished step isn't repeated when the command is run again.

Examples:
  consilium-site engine install --from-pypi
  consilium-site engine install --from ./files        # no network: see docs/deploy.md for what to put there
  sudo consilium-site engine install --from-pypi --folder /opt/consilium/engines`;
