import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";

const EXIT_INTERRUPTED = 130;

/**
 * `consilium study sweep`: a program of its own, for it holds both sides of a consortium, and the coordinator's knows
 * nothing of a site's. Its arguments and help are its own too.
 */
export function registerStudySweep(study: Command): void {
  study
    .command("sweep")
    .description("run a grid of a study here, simulated, and draw what came of it")
    .argument("[args...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[]) => {
      process.exitCode = await runProgram(programOf(), args);
    });
}

function programOf(): string {
  try {
    return createRequire(import.meta.url).resolve("@consilium/simulation/cli");
  } catch (cause) {
    if (errnoOf(cause) !== "MODULE_NOT_FOUND") throw cause;
    throw new Failure({
      code: "sweep/not-installed",
      kind: "config",
      what: "This installation has no simulation: it is left out where a coordinator alone is installed.",
      remedy: "Run the sweep from a whole checkout of the project.",
      cause,
    });
  }
}

/** Its exit code. What ends this process ends it first: a terminal's Ctrl-C reaches both, a supervisor's signal this one. */
function runProgram(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", pass);
  process.on("SIGTERM", pass);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      process.off("SIGINT", pass);
      process.off("SIGTERM", pass);
      resolve(code ?? EXIT_INTERRUPTED);
    });
  });
}
