import { statSync } from "node:fs";
import { writeFileAtomically } from "@consilium/certs/files";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { writeTar } from "@consilium/shared/release/tar";
import type { Command } from "commander";
import { releaseFiles } from "../release/releaseFiles.ts";
import { hint, print } from "./output.ts";

const FILE_MODE = 0o644;

/** `release pack`: the folder's signed files as one archive, the same bytes each time. */
export function registerReleasePack(release: Command): void {
  release
    .command("pack")
    .description("make one .tar of a release's folder, the same bytes each time")
    .argument("<path>", "the release's folder")
    .requiredOption("--to <file>", "the archive to write; it must not exist")
    .option("--json", "print the result as JSON")
    .action(async (path: string, options: { to: string; json?: boolean }) => {
      const packed = await packRelease(path, options.to);
      const { to, bytes, files, sha256 } = packed;
      print(options.json, packed, `${to}: ${files} files, ${bytes} bytes, SHA-256 ${sha256}`);
      if (options.json !== true) hint(`next: consilium verify ${to} --key consortium.pub`);
    });
}

export async function packRelease(path: string, to: string) {
  const { read } = releaseFiles(path);
  const signed = readJson(read(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
  if (signed === null) throw noRelease(path);
  if (statSync(to, { throwIfNoEntry: false }) !== undefined) throw exists(to);
  const names = [RELEASE_PATHS.manifest, ...signed.manifest.files.map((file) => file.path)];
  const files = new Map(
    names.map((name) => {
      const content = read(name);
      if (content === null) throw incomplete(path, name);
      return [name, content] as const;
    }),
  );
  const archive = writeTar(files);
  await writeFileAtomically(to, archive, FILE_MODE);
  return { to, files: files.size, bytes: archive.length, sha256: digestOf(archive) };
}

function noRelease(path: string): Failure {
  return new Failure({
    code: "release/no-manifest",
    kind: "usage",
    what: `${path} holds no readable ${RELEASE_PATHS.manifest}.`,
    remedy: "Name a release's own folder: `consilium release show STUDY` tells where it is.",
  });
}

function incomplete(path: string, name: string): Failure {
  return new Failure({
    code: "release/file-missing",
    kind: "refused",
    what: `${path} lacks ${name}, which its manifest names.`,
    remedy: "Copy the release again from its publisher.",
  });
}

function exists(to: string): Failure {
  return new Failure({
    code: "release/tar-exists",
    kind: "usage",
    what: `${to} is there already.`,
    remedy: "Name another file, or remove this one first.",
  });
}
