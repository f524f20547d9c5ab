import { errnoOf } from "../failure/errno.ts";
import { Failure, type FailureKind } from "../failure/failure.ts";

interface Account {
  readonly kind: FailureKind;
  readonly what: (path: string) => string;
  readonly remedy: string;
}

const OWNER =
  "Run the command as the account that owns it (sudo -u OWNER; see ls -ld), or have its permissions changed.";

/** What the operating system refuses at files, for a person at a terminal. */
const ACCOUNTS: Readonly<Record<string, Account>> = {
  ENOENT: { kind: "usage", what: (path) => `There is no ${path}.`, remedy: "Check the path." },
  EEXIST: {
    kind: "usage",
    what: (path) => `${path} is there already.`,
    remedy: "Name another path, or move away what is there.",
  },
  ENOTDIR: {
    kind: "usage",
    what: (path) => `${path} leads through a file as if that were a folder.`,
    remedy: "Check the path.",
  },
  EISDIR: { kind: "usage", what: (path) => `${path} is a folder, not a file.`, remedy: "Name a file." },
  ENOTEMPTY: { kind: "usage", what: (path) => `${path} is not empty.`, remedy: "Name another folder." },
  EACCES: { kind: "usage", what: (path) => `This account has no access to ${path}.`, remedy: OWNER },
  EPERM: { kind: "usage", what: (path) => `The system doesn't permit this on ${path}.`, remedy: OWNER },
  EROFS: {
    kind: "usage",
    what: (path) => `${path} can't be written: its file system is read-only.`,
    remedy: "Name a path elsewhere, or mount the file system for writing.",
  },
  ENOSPC: {
    kind: "fault",
    what: (path) => `${path} can't be written: the disk is full.`,
    remedy: "Make room (see df -h), then run the command again.",
  },
  EDQUOT: {
    kind: "fault",
    what: (path) => `${path} can't be written: this account's disk quota is used up.`,
    remedy: "Make room (see quota), then run the command again.",
  },
  EMFILE: {
    kind: "fault",
    what: (path) => `${path} can't be opened: this process has too many files open.`,
    remedy: "Raise the limit (ulimit -n), then run the command again.",
  },
};

/** What the operating system refused, with what to do; null for an error that isn't its refusal of a file. */
export function systemFailure(error: unknown): Failure | null {
  const errno = errnoOf(error);
  const account = errno === null ? undefined : ACCOUNTS[errno];
  if (errno === null || account === undefined) return null;
  const { kind, what, remedy } = account;
  return new Failure({
    code: `file/${errno.toLowerCase()}`,
    kind,
    what: what(pathOf(error)),
    remedy,
    fields: { errno },
    cause: error,
  });
}

/** A local socket's path is its address; a write through an open file has none. */
function pathOf(error: unknown): string {
  if (error instanceof Error && "path" in error && typeof error.path === "string") return error.path;
  if (error instanceof Error && "address" in error && typeof error.address === "string") return error.address;
  return "a file";
}
