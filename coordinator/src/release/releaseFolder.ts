import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Writes a release as one folder that is there whole or not at all: every file fsynced under a temporary name, then one
 * rename. A folder of the same name, left by a crash before its release was booked, is replaced.
 */
export async function writeReleaseFolder(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const temporary = `${path}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  const folders = new Set([temporary]);
  for (const [name, content] of files) {
    const file = join(temporary, name);
    await mkdir(dirname(file), { recursive: true });
    folders.add(dirname(file));
    const handle = await open(file, "wx", 0o644);
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
  }
  for (const folder of folders) await syncFolder(folder);
  await rm(path, { recursive: true, force: true });
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync();
  await folder.close();
}
