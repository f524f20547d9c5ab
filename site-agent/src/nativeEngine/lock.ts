import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { isRunning } from "@consilium/shared/system/isRunning";

const LOCK_FILE = "installing.lock";

/** One installation at a time into a folder: runs `work` holding a lock that a dead process's doesn't stand in for. */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const path = join(folder, LOCK_FILE);
  if (!(await take(path))) {
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (isRunning(holder)) throw busy(holder);
    await rm(path, { force: true });
    if (!(await take(path))) throw busy(holder);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o644);
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function busy(pid: number): Failure {
  return new Failure({
    code: "engine/installing",
    kind: "refused",
    what: `Process ${pid} is installing an engine into the same folder.`,
    remedy: "Wait for it to end, then see: consilium-site engine status",
  });
}
