import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import {
  CARD_FILE,
  cardOf,
  RECORDS_FILE,
  RECORDS_SITE_DOMAIN,
  RELEASE_FILE,
  SignedRelease,
} from "../sanitizer/recordsRelease.ts";
import { RECORDS_DOMAIN } from "../steward/statement.ts";
import { isJoined } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";

/** Whether a folder's records are those that were signed for; throws `data/not-as-released` where they aren't. */
export async function verifyRecords(
  { output, folder: home }: CommandContext,
  folder: string,
  key: string | undefined,
): Promise<void> {
  const text = await readFile(join(folder, RELEASE_FILE), "utf8");
  const parsed = SignedRelease.safeParse(parsedJson(text));
  if (!parsed.success) throw notAsReleased("release.json is none of this version");
  const { release, site } = parsed.data;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(join(folder, RECORDS_FILE))) hash.update(chunk);
  if (hash.digest("hex") !== release.words.file) throw notAsReleased("records.csv was altered");
  if ((await readFile(join(folder, CARD_FILE), "utf8").catch(() => "")) !== cardOf(release))
    throw notAsReleased("README.md says something else than what was signed");
  if (!verifyStatement(site.publicKey, RECORDS_SITE_DOMAIN, release, site.signature))
    throw notAsReleased("the site's signature isn't over this release");
  const forged = release.signedBy.find(
    ({ publicKey, signature }) => !verifyStatement(publicKey, RECORDS_DOMAIN, release.words, signature),
  );
  if (forged !== undefined) throw notAsReleased(`${forged.steward}'s signature isn't over these records`);
  if (release.disclosed.length > 0 && new Set(release.signedBy.map(({ publicKey }) => publicKey)).size < 2)
    throw notAsReleased("it is an unprotected disclosure, and two stewards have to sign for that");
  const more = (await readdir(folder)).filter((name) => ![CARD_FILE, RECORDS_FILE, RELEASE_FILE].includes(name));
  if (more.length > 0) throw notAsReleased(`${more.length} files more lie in the folder`);
  const wanted = key ?? ((await isJoined(home)) ? (await readKeys(home)).identity.publicKey : undefined);
  if (wanted !== undefined && wanted !== site.publicKey)
    throw notAsReleased(key === undefined ? "another site signed it" : "another key than the given one signed it");
  const vouched = key === undefined ? "this site's own key" : "the given key";
  const whose = wanted === undefined ? `a key that nobody vouched for here, ${site.publicKey}` : vouched;
  output.result({ folder, ...release.words, signedBy: site.publicKey, isKeyVouchedFor: wanted !== undefined }, [
    `The ${release.records} records are those that ${release.words.site} signed, by ${whose}.`,
    ...release.promises,
  ]);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function notAsReleased(why: string): Failure {
  return new Failure({
    code: "data/not-as-released",
    kind: "fault",
    what: `These are not the records that were signed: ${why}.`,
    remedy: "Ask the site for its own copy of the folder.",
  });
}
