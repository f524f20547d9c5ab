import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { PRETRAINED_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { LeadsOutside } from "@consilium/shared/study/reference";
import { type ResolvedStudy, resolveStudy, type StudyText } from "@consilium/shared/study/resolve";

/**
 * Reads a study file and the files beside or below it that it names, links followed, and resolves them to the signed
 * document. Throws a Failure for a file that can't be read and `InvalidStudy` for one that can't become a study.
 */
export function readStudyFile(path: string): ResolvedStudy {
  return resolveStudy({ file: path, text: readText(path), ...studyReferences(path) });
}

/** How the files beside or below a study's file are read, links followed. */
export function studyReferences(
  path: string,
): Pick<StudyText, "readReference"> & Required<Pick<StudyText, "readBytes">> {
  return {
    readReference: (reference) => readFileSync(besideStudy(path, reference), "utf8"),
    readBytes: (reference) => {
      const target = besideStudy(path, reference);
      const { size } = statSync(target);
      if (size > PRETRAINED_BYTES_MAX) throw tooLarge(reference, size);
      return readFileSync(target);
    },
  };
}

function besideStudy(path: string, reference: string): string {
  const folder = realpathSync(dirname(path));
  const target = realpathSync(join(folder, reference));
  if (relative(folder, target).startsWith("..")) throw new LeadsOutside(reference);
  return target;
}

function tooLarge(reference: string, bytes: number): Failure {
  return new Failure({
    code: "model/weights-too-large",
    kind: "config",
    what: `${reference} has ${bytes} bytes; a file of weights may have ${PRETRAINED_BYTES_MAX}.`,
    remedy: "Save its weights alone, in float32 or float16, without the optimizer's state.",
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const errno = errnoOf(cause);
    throw new Failure({
      code: "study/unreadable",
      kind: "usage",
      what: `${path} can't be read${errno === null ? "" : ` (${errno})`}.`,
      remedy: "Check the path; consilium init writes a study file to start from.",
      cause,
    });
  }
}
