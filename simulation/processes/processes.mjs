/**
 * Starts and stops the project's real commands as child processes. Node built-ins only.
 * Whatever was started through one `Processes` is stopped by it, also on Ctrl-C.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where the two commands' committed entry points lie. */
export const COMMANDS = {
  consilium: `${ROOT}coordinator/bin/consilium.js`,
  "consilium-site": `${ROOT}site-agent/bin/consilium-site.js`,
};

/** A stopped process gets this long to end by itself before it is killed. */
const STOP_GRACE_MS = 5_000;
const READY_TIMEOUT_MS = 60_000;

/** A command ended with another exit code than 0; carries what it said. */
export class CommandFailed extends Error {
  constructor(command, args, code, stderr) {
    super(`${command} ${args.join(" ")} ended with exit code ${code}:\n${stderr.trim()}`);
    this.name = "CommandFailed";
    this.exitCode = code;
    this.stderr = stderr;
  }
}

export class Processes {
  #running = new Set();

  /** Runs a command to its end. Resolves to {code, stdout, stderr}, whatever the code. */
  async run(command, args, { input } = {}) {
    const child = this.#spawn(command, args, ["pipe", "pipe", "pipe"]);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.stdin.end(input ?? "");
    const [code] = await once(child, "close");
    return { code, stdout: stdout(), stderr: stderr() };
  }

  /** Runs a command that must succeed and prints JSON; resolves to the parsed value. */
  async json(command, args, options) {
    const { code, stdout, stderr } = await this.run(command, [...args, "--json"], options);
    if (code !== 0) throw new CommandFailed(command, args, code, stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1) || "null");
  }

  /**
   * Starts a service (a command, or another program's path) and waits for its one JSON line on stdout. Its log goes to
   * `logFile`; `env` adds to the environment. Resolves to {child, ready}.
   */
  async start(command, args, logFile, env = {}) {
    const child = this.#spawn(command, [...args, "--json"], ["ignore", "pipe", "pipe"], env);
    const log = createWriteStream(logFile, { flags: "a" });
    child.stderr.pipe(log);
    const stderr = collect(child.stderr, 4_000);
    const ready = await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new CommandFailed(command, args, "none (not ready in time)", stderr())),
        READY_TIMEOUT_MS,
      );
      let text = "";
      child.stdout.setEncoding("utf8");
      child.stdout.on("data", (chunk) => {
        text += chunk;
        const end = text.indexOf("\n");
        if (end < 0) return;
        clearTimeout(timer);
        resolve(JSON.parse(text.slice(0, end)));
      });
      child.once("close", (code) => {
        clearTimeout(timer);
        reject(new CommandFailed(command, args, code, stderr()));
      });
    });
    child.stdout.resume();
    return { child, ready };
  }

  /** Ends one process: SIGTERM, then SIGKILL after a grace period. Resolves when it is gone. */
  async stop(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    await gone;
    clearTimeout(timer);
  }

  /** Ends everything that still runs. */
  async stopAll() {
    await Promise.all([...this.#running].map((child) => this.stop(child)));
  }

  /** For a hard exit: no waiting. */
  killAll() {
    for (const child of this.#running) child.kill("SIGKILL");
  }

  #spawn(command, args, stdio, env = {}) {
    const child = spawn(process.execPath, [COMMANDS[command] ?? command, ...args], {
      cwd: ROOT,
      stdio,
      env: { ...process.env, ...env },
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }
}

/** Collects a stream's text, the last `limit` characters of it. */
function collect(stream, limit = 10_000_000) {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk) => {
    text = (text + chunk).slice(-limit);
  });
  return () => text;
}
