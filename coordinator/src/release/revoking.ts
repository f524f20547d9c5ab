import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { jsonBytes } from "@consilium/shared/release/manifest";
import {
  type Revocation,
  type RevocationList,
  RevocationStatement,
  signRevocation,
} from "@consilium/shared/release/revocation";
import type { StudyName } from "@consilium/shared/units/identity";
import { listReleases, releaseOf, saveRevocation } from "../storage/releases.ts";
import { type Motive, move } from "../study/moves.ts";
import type { StudyWorld } from "../study/world.ts";

/** The one file with all notices, beside the releases' folders: for whoever copies a release from there. */
const LIST = "revocations.json";

/** Signs a notice that nobody should use a release any more; for good. Sites hear of it by the study's state. */
export async function revokeRelease(world: StudyWorld, study: StudyName, motive: Motive): Promise<Revocation> {
  const release = releaseOf(world.sql, study);
  if (release === undefined) throw noRelease(study);
  const at = world.clock.now().toISOString();
  const statement = RevocationStatement.parse({ study, manifest: release.manifest, reason: motive.reason, at });
  const revocation = signRevocation(statement, world.signer);
  world.sql.transaction(() => {
    const { manifest, reason } = statement;
    move(world, study, { type: "revoked" }, motive);
    world.ledger.append([{ kind: "release-revoked", study, manifest, by: motive.by.slice(0, 100), reason }]);
    saveRevocation(world.sql, study, revocation);
  });
  await writeList(world);
  world.changed("releases", study);
  return revocation;
}

/** At start: a crash after a notice was booked, or somebody's hand, may have left another list than the database's. */
export async function restoreList(world: StudyWorld): Promise<void> {
  const wanted = revocationsOf(world);
  const found = await readFile(join(world.releasesFolder, LIST)).catch(() => null);
  if (found === null ? wanted.revocations.length === 0 : Buffer.compare(found, jsonBytes(wanted)) === 0) return;
  await writeList(world);
  world.logger.warn("revocations-rewritten", { count: wanted.revocations.length });
}

async function writeList(world: StudyWorld): Promise<void> {
  await writeFileAtomically(join(world.releasesFolder, LIST), jsonBytes(revocationsOf(world)), PUBLIC_FILE_MODE);
}

export function revocationsOf(world: StudyWorld): RevocationList {
  const revocations = listReleases(world.sql).flatMap(({ revocation }) => revocation ?? []);
  return { kind: "consilium-revocations", revocations };
}

function noRelease(study: string): Failure {
  return new Failure({
    code: "release/none",
    kind: "usage",
    what: `Study ${study} has no release.`,
    remedy: "See all releases: consilium release list.",
  });
}
