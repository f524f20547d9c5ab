import type { ChildProcess } from "node:child_process";

export const COMMANDS: Readonly<Record<"consilium" | "consilium-site", string>>;

export class CommandFailed extends Error {
  readonly exitCode: number;
  readonly stderr: string;
}

export class Processes {
  run(
    command: keyof typeof COMMANDS,
    args: readonly string[],
    options?: { input?: string },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  start(
    command: keyof typeof COMMANDS,
    args: readonly string[],
    logFile: string,
  ): Promise<{ child: ChildProcess; ready: unknown }>;
  stop(child: ChildProcess): Promise<void>;
  stopAll(): Promise<void>;
  killAll(): void;
}
