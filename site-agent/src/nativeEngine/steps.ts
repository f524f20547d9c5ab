import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** One step of an installation. It is finished when what it makes stands under its name, and not a moment before. */
export interface Step {
  readonly title: string;
  /** Name, in the installation's folder, of the one file or folder that it makes. */
  readonly makes: string;
  /** Makes it under the name given; the folder of that name exists already. */
  readonly run: (temporary: string) => Promise<void>;
}

/**
 * Runs what is left to do. A step that was finished before isn't repeated; one that was interrupted has left only a
 * temporary name, which the next try clears away.
 */
export async function runSteps(folder: string, steps: readonly Step[], say: (line: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const [i, { title, makes, run }] of steps.entries()) {
    const head = `${i + 1}/${steps.length} ${title}`;
    const made = join(folder, makes);
    if (await exists(made)) {
      say(`${head}: done before`);
      continue;
    }
    say(`${head} …`);
    const temporary = join(folder, `${makes}.part`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o755 });
    await run(temporary);
    await rename(temporary, made);
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
