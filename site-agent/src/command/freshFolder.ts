/** A new folder with what a command makes: whole or not at all, its owner's alone. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isThere } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { realFolder } from "../connector/folder.ts";

/** Where it will be. Refuses one that is there, and one inside `source`, which would be read as its own input. */
export async function freeFolder(path: string, source: string | null): Promise<string> {
  const out = resolve(await realFolder(dirname(resolve(path))), basename(path));
  const refuse = (why: string): Failure =>
    new Failure({
      code: "file/unwritable",
      kind: "usage",
      what: `${out} ${why}.`,
      remedy: "Name another folder with --out.",
    });
  if (await isThere(out)) throw refuse("is there already");
  if (source !== null && `${out}${sep}`.startsWith(`${source}${sep}`)) throw refuse("lies in the folder that is read");
  return out;
}

/** `fill` works in a folder of another name, which gets its own when it is done. */
export async function makeWhole<T>(out: string, fill: (partial: string) => Promise<T>): Promise<T> {
  const partial = join(dirname(out), `.${basename(out)}.${process.pid}.partial`);
  await mkdir(partial, { mode: 0o700 });
  try {
    const made = await fill(partial);
    await syncFolder(partial);
    await rename(partial, out);
    await syncFolder(dirname(out));
    return made;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
