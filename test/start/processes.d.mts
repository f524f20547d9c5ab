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
  stop(child: ChildProcess): Promise<void>;
  stopAll(): Promise<void>;
  killAll(): void;
}
