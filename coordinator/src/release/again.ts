import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { signReaudit } from "@consilium/shared/release/reaudit";
import { type Again, AgainRule, againDocument } from "@consilium/shared/study/again";
import { AttackName, Audit } from "@consilium/shared/study/audit";
import { studyDigest } from "@consilium/shared/study/digest";
import { StudyDocument } from "@consilium/shared/study/document";
import { StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { ModelLine } from "../model/modelLine.ts";
import { lineSinceCheckpoint } from "../storage/models.ts";
import { releaseOf } from "../storage/releases.ts";
import { auditOf } from "../storage/results.ts";
import { findStudy, type StudyRecord } from "../storage/studies.ts";
import { move } from "../study/moves.ts";
import { approvalsCharged } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import type { StudyWorld } from "../study/world.ts";

/** What a lead asks for: another look at a released model. */
export const AgainRequest = z
  .strictObject({
    name: StudyName,
    attacks: z.array(AttackName).min(1),
    epsilon: Audit.shape.epsilon,
    bins: Audit.shape.bins,
    classes: Audit.shape.classes,
    reason: AgainRule.shape.reason,
  })
  .meta({ id: "AgainRequest" });
export type AgainRequest = z.infer<typeof AgainRequest>;

/** The study of a second audit, with the released model at hand for its sites. */
export async function prepareAgain(
  world: StudyWorld,
  { name: study, document, standing }: StudyRecord,
  { reason, ...ask }: AgainRequest,
): Promise<StudyDocument> {
  const release = releaseOf(world.sql, study);
  const isOut = standing.state === "released" || standing.state === "revoked";
  if (release === undefined || !isOut) throw notReleased(study, standing.state);
  const signed = readJson(await readFile(join(release.path, RELEASE_PATHS.manifest)), SignedManifest);
  if (signed === null) throw notReleased(study, "not what was released any more");
  const { model } = signed.manifest;
  const line = await ModelLine.open(document, world, lineSinceCheckpoint(world.sql, { study, line: 0 }));
  assert(modelDigest(line.parameters) === model.digest, "the study's newest model is the released one");
  await world.weights.write([modelBytes(line.parameters)]);
  const rule = { study, studyDigest: studyDigest(document), manifest: release.manifest, model, reason };
  const again: Again = { ...ask, rule };
  const parsed = StudyDocument.safeParse(againDocument(document, again));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Failure({
    code: "audit/not-again",
    kind: "usage",
    what: `${study} can't be audited again so: ${issue?.path.join(".")} ${issue?.message}.`,
    remedy: "Change what is asked for: consilium audit again --help.",
  });
}

/** Publishes what a second audit found beside the release that it is of; done again after a crash, with one outcome. */
export async function concludeAgain(world: StudyWorld, document: StudyDocument): Promise<void> {
  const { again } = document;
  const audit = auditOf(world.sql, document.name);
  const first = again === undefined ? undefined : findStudy(world.sql, again.study);
  assert(again !== undefined && audit !== undefined && first !== undefined, "a second audit is concluded after it");
  const { gate } = gateOf(world, document, audit.report, approvalsCharged(world, document.name));
  const reaudit = signReaudit(
    {
      formatVersion: 1,
      kind: "consilium-reaudit",
      manifest: again.manifest,
      document,
      report: audit.report,
      gate,
      coordinatorKey: world.signer.publicKey,
      at: audit.at,
    },
    world.signer,
  );
  await mkdir(world.releasesFolder, { recursive: true });
  await writeFileAtomically(reauditFile(world, document.name), jsonBytes(reaudit), PUBLIC_FILE_MODE);
  const found = gate.passed
    ? `${again.study}'s release passes its own gate again`
    : `${again.study}'s release would not pass its own gate any more: consider consilium release revoke ${again.study}`;
  move(world, document.name, { type: "audited-again" }, { by: "coordinator", reason: found });
  world.changed("releases", again.study);
}

/** Where a second audit's record lies, beside the releases. */
export function reauditFile({ releasesFolder }: Pick<StudyWorld, "releasesFolder">, name: StudyName): string {
  return join(releasesFolder, `${name}.reaudit.json`);
}

function notReleased(study: string, state: string): Failure {
  return new Failure({
    code: "audit/not-released",
    kind: "refused",
    what: `Study ${study} has no release to audit again: it is ${state}.`,
    remedy: "See what was released: consilium release list.",
  });
}
