/** What sites and auditors say to a release whose folder is written: it leaves when enough of them signed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Failure } from "@consilium/shared/failure/failure";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, withSignature } from "@consilium/shared/release/manifest";
import {
  answerHolds,
  canComplete,
  isComplete,
  missingOf,
  missingText,
  type SignatoryAnswer,
} from "@consilium/shared/release/signatories";
import type { Signatory } from "@consilium/shared/release/signatory";
import type { StudyDocument } from "@consilium/shared/study/document";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { type ReleaseRecord, releaseOf, saveAnswers } from "../storage/releases.ts";
import { move } from "../study/moves.ts";
import type { StudyState } from "../study/study.ts";
import type { StudyWorld } from "../study/world.ts";
import { publish } from "./publish.ts";

/** A study whose release waits. */
export interface Waiting {
  readonly document: StudyDocument;
  readonly state: StudyState;
}

/**
 * Takes one answer: into the manifest, the database and the ledger, and where it was the last that is needed the
 * release leaves. Throws for one that isn't its party's own, that comes too late, or that says otherwise than before.
 */
export async function takeAnswer(world: StudyWorld, waiting: Waiting, answer: SignatoryAnswer): Promise<void> {
  const { document, state } = waiting;
  const release = releaseOf(world.sql, document.name);
  if (release === undefined) throw notSigning(document.name, state);
  const known = release.answers.find(({ party }) => party === answer.party);
  // Whoever didn't hear our reply says the same again, be the release out by then.
  if (known !== undefined && canonicalJson(known) === canonicalJson(answer)) return;
  if (known !== undefined) throw saidOtherwise(answer.party, known.answer);
  if (state !== "signing") throw notSigning(document.name, state);
  const signed = await readManifest(release);
  if (!answerHolds(document, signed.manifest, release.manifest, answer)) throw notTheirs(answer);
  // Signed twice over the same bytes after a crash changes nothing: the manifest is written before it is booked.
  const grown = answer.answer === "signed" ? withSignature(signed, answer.party, answer.signature) : signed;
  await writeFileAtomically(join(release.path, RELEASE_PATHS.manifest), jsonBytes(grown), PUBLIC_FILE_MODE);
  world.sql.transaction(() => book(world, document, release, answer));
  world.changed("releases", document.name);
}

function book(world: StudyWorld, document: StudyDocument, release: ReleaseRecord, answer: SignatoryAnswer): void {
  const { name: study } = document;
  const answers = [...release.answers, answer];
  const those = (kind: SignatoryAnswer["answer"]): Signatory[] =>
    answers.flatMap((one) => (one.answer === kind ? [one.party] : []));
  const refusal = answer.answer === "refused" ? answer.reason : null;
  const { manifest } = release;
  world.ledger.append([{ kind: "release-answered", study, manifest, party: answer.party, refusal }]);
  saveAnswers(world.sql, study, { signers: [COORDINATOR, ...those("signed")], answers });
  const missing = missingOf(document, those("signed"));
  if (isComplete(missing)) {
    const motive = { by: "coordinator", reason: `signed by ${those("signed").join(", ")}` };
    publish(world, study, manifest, { event: { type: "signed" }, motive });
  } else if (!canComplete(document, those("refused"))) {
    const reason = `${those("refused").join(", ")} refused to sign: ${missingText(missing)}, and can't come any more`;
    move(world, study, { type: "signatures-refused" }, { by: "coordinator", reason });
  }
}

async function readManifest({ path }: ReleaseRecord): Promise<SignedManifest> {
  const bytes = await readFile(join(path, RELEASE_PATHS.manifest));
  const signed = readJson(bytes, SignedManifest);
  if (signed !== null) return signed;
  throw new Failure({
    code: "release/manifest-altered",
    kind: "fault",
    what: `${path} holds no manifest as it was written.`,
    remedy: "Put the folder back from a copy; nothing was signed.",
  });
}

function notSigning(study: string, state: StudyState): Failure {
  return new Failure({
    code: "release/not-signing",
    kind: "refused",
    what: `No release of study ${study} waits for signatures: the study is ${state}.`,
    remedy: `See where it stands: consilium study show ${study}.`,
  });
}

function notTheirs({ party, study }: SignatoryAnswer): Failure {
  return new Failure({
    code: "release/signature-invalid",
    kind: "refused",
    what: `This is not ${party}'s answer to the release of ${study} as it was written.`,
    remedy: "Sign the release's own folder or archive again, with the key that study and roster name.",
  });
}

function saidOtherwise(party: string, before: SignatoryAnswer["answer"]): Failure {
  return new Failure({
    code: "release/answered",
    kind: "refused",
    what: `${party} has ${before} this release already.`,
    remedy: "An answer stays; a release that should not be used any more is revoked: consilium release revoke STUDY.",
  });
}
