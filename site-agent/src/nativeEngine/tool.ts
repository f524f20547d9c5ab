import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Ended {
  /** Null: it could not be started, or was ended by a signal. */
  readonly status: number | null;
  /** False: there is no such program. */
  readonly exists: boolean;
  readonly out: string;
  /** Both streams' last lines, newest last. */
  readonly tail: readonly string[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly onLine?: (line: string) => void;
}

const TAIL_LINES = 30;

/** Runs a program of this machine to its end; never rejects, for what a missing tool means is the caller's to say. */
export async function runTool(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { cwd, environment = process.env, onLine } = options;
  const tail: string[] = [];
  const out: string[] = [];
  const child = spawn(command, args, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const keep = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLine?.(line);
  };
  createInterface(child.stdout).on("line", (line) => {
    out.push(line);
    keep(line);
  });
  createInterface(child.stderr).on("line", keep);
  return new Promise((resolve) => {
    child.on("error", () => resolve({ status: null, exists: false, out: "", tail }));
    child.on("close", (status) => resolve({ status, exists: true, out: out.join("\n"), tail }));
  });
}
