import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { type ResolvedStudy, resolveStudy } from "@consilium/shared/study/resolve";
import { errnoOf } from "@consilium/shared/system/errno";

/**
 * Reads a study file and the schema file beside or below it, links followed, and resolves both to the signed document.
 * Throws a Failure for a file that can't be read and `InvalidStudy` for one that can't become a study.
 */
export function readStudyFile(path: string): ResolvedStudy {
  return resolveStudy({
    file: path,
    text: readText(path),
    readReference: (reference) => {
      const folder = realpathSync(dirname(path));
      const target = realpathSync(join(folder, reference));
      if (relative(folder, target).startsWith("..")) throw new Error("the reference leads out of the study's folder");
      return readFileSync(target, "utf8");
    },
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
