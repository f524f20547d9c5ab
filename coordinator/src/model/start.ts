import { readFile, stat } from "node:fs/promises";
import { errnoOf } from "@consilium/shared/failure/errno";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { withHeads } from "@consilium/shared/model/siteHeads";
import { openStudyWeights } from "@consilium/shared/model/studyWeights";
import type { Weights } from "@consilium/shared/model/weights";
import type { AgainRule } from "@consilium/shared/study/again";
import type { StudyDocument } from "@consilium/shared/study/document";
import { modelSpecOfStudy, weightsOfStudy } from "@consilium/shared/study/network";
import { headsOfStudy } from "@consilium/shared/study/siteHeads";
import type { StudyName } from "@consilium/shared/units/identity";
import type { BlobFolder } from "../storage/blobFolder.ts";

/** What a study's model is before the first step: from its seed alone, or from the weights file that it names. */
export async function startOf(document: StudyDocument, folder: BlobFolder): Promise<Weights> {
  const spec = modelSpecOfStudy(document);
  const { initialSeed } = document.training;
  const named = weightsOfStudy(document);
  if (document.again !== undefined) return releasedBefore(document, document.again, folder);
  const heads = headsOfStudy(document);
  if (named === undefined) {
    const own = initialParameters(spec, initialSeed);
    return { parameters: heads === undefined ? own : withHeads(own, heads), frozen: new Float32Array(0) };
  }
  const path = folder.pathOf(named.digest);
  try {
    // A file of another length isn't even read.
    const { size } = await stat(path);
    return openStudyWeights(spec, named, initialSeed, size === named.bytes ? await readFile(path) : new Uint8Array(0));
  } catch (error) {
    if (error instanceof Failure || errnoOf(error) === null) throw error;
    throw unreadable(document.name, path, error);
  }
}

function unreadable(study: StudyName, path: string, cause: unknown): Failure {
  return new Failure({
    code: "study/weights-missing",
    kind: "refused",
    what: `The weights file of study ${study} can't be read at the coordinator (${errnoOf(cause)}).`,
    remedy: `Propose it with consilium study propose, which brings the file; or put a copy back at ${path}.`,
    cause,
  });
}

/** Of a second audit: the very model that was released, which the coordinator put there when it proposed it. */
async function releasedBefore(document: StudyDocument, { model }: AgainRule, folder: BlobFolder): Promise<Weights> {
  const { again: _, ...first } = document;
  const { frozen } = await startOf(first, folder);
  const path = folder.pathOf(model.digest);
  try {
    const bytes = Uint8Array.from(await readFile(path));
    const parameters = new Float32Array(bytes.buffer);
    assert(modelDigest(parameters) === model.digest, `${path} holds the released model`);
    return { parameters, frozen };
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    throw unreadable(document.name, path, error);
  }
}
