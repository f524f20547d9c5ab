/** The folder of a sweep's results: one sweep's alone, and one command's at a time. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PUBLIC_FILE_MODE } from "@consilium/certs/files";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { isRunning } from "@consilium/shared/system/isRunning";
import { z } from "zod";

/** Whose results these are. */
const MARK = "sweep.json";
/** Number of the process that writes them now. */
const LOCK = "sweep.lock";
const Mark = z.object({ sweep: z.string() });

/**
 * Takes a folder for a sweep, made where it isn't there; returns what gives it back. Refuses one that can't be written,
 * that holds another sweep's results or other files, and that another command is writing: before anything is run.
 */
export function takeOutFolder(out: string, sweep: string): () => void {
  const folder = resolve(out);
  try {
    makeFolder(folder);
    refuseOthers(folder, sweep);
    lock(folder);
    writeFileSync(join(folder, MARK), `${JSON.stringify({ sweep })}\n`, { mode: PUBLIC_FILE_MODE });
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure({
      code: "sweep/out-unusable",
      kind: "usage",
      what: `Results can't be written to ${out} (${errnoOf(cause) ?? "unknown fault"}).`,
      remedy: "Name a folder that can be written with --out; nothing was run.",
      cause,
    });
  }
  return () => rmSync(join(folder, LOCK), { force: true });
}

/** A step at a time: made at once, a folder below one like /proc is tried for without end. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EEXIST") return void readdirSync(folder);
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder);
  }
}

function refuseOthers(folder: string, sweep: string): void {
  const names = readdirSync(folder).filter((name) => name !== LOCK);
  if (names.length === 0) return;
  const mark = names.includes(MARK) ? Mark.safeParse(parsed(readFileSync(join(folder, MARK), "utf8"))) : undefined;
  // Folders from before the mark hold runs.
  const isOwn = mark === undefined ? names.includes("runs") : mark.success && mark.data.sweep === sweep;
  if (isOwn) return;
  const whose = mark?.success ? `results of sweep ${mark.data.sweep}` : "other files than a sweep's results";
  throw new Failure({
    code: "sweep/out-taken",
    kind: "usage",
    what: `${folder} holds ${whose}.`,
    remedy: "Name another folder with --out; nothing was run, and nothing there was changed.",
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function lock(folder: string): void {
  const path = join(folder, LOCK);
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx", mode: PUBLIC_FILE_MODE });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    const holder = Number.parseInt(readFileSync(path, "utf8"), 10);
    if (isRunning(holder)) {
      throw new Failure({
        code: "sweep/out-busy",
        kind: "refused",
        what: `Another sweep is writing to ${folder} (process ${holder}).`,
        remedy: "Wait for it, or name another folder with --out; nothing was run.",
      });
    }
    // It ended without giving the folder back.
    rmSync(path, { force: true });
    lock(folder);
  }
}
