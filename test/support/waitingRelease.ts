/** A site that joined, at which a release waits for its word: its files fetched, its study proposed. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { buildRelease } from "@consilium/shared/release/build";
import { RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { signStatement } from "@consilium/shared/signing/ed25519";
import { studyDigest } from "@consilium/shared/study/digest";
import type { Digest } from "@consilium/shared/units/identity";
import { coordinator, inDatabase, type JoinedSite } from "@consilium/site-agent/command/joinedSite.test-support";
import { takeWaiting } from "@consilium/site-agent/release/taking";
import { releaseFolder } from "@consilium/site-agent/storage/folder";
import { document, inputs, lead } from "./releaseFixture.ts";

/** Its manifest's digest. The site pins the key that signed it from then on. */
export async function releaseWaits({ root, context: { folder } }: JoinedSite): Promise<Digest> {
  const config = await readFile(folder.config, "utf8");
  await writeFile(folder.config, config.replace(coordinator.publicKey, lead.publicKey));
  const files = buildRelease(inputs, lead);
  const bytes = files.get(RELEASE_PATHS.manifest) ?? new Uint8Array();
  const signed = readJson(bytes, SignedManifest);
  if (signed === null) throw new Error("a release has a manifest");
  const manifest = digestOfJson(signed.manifest);
  const at = "2026-01-03T00:00:00Z";
  const message = { type: "release-waits" as const, study: document.name, manifest };
  await inDatabase(root, (known) => {
    known.insertProposal(document, studyDigest(document), signStatement(lead, "any", document), at);
    takeWaiting(known, { ...message, signed: new TextDecoder().decode(bytes) }, lead.publicKey, at);
  });
  for (const [path, content] of files) {
    const file = join(releaseFolder(folder, manifest), path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return manifest;
}
