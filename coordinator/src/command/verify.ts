import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { Reaudit } from "@consilium/shared/release/reaudit";
import { type Revocation, RevocationList } from "@consilium/shared/release/revocation";
import { type NamedReaudit, type Verification, verifyRelease } from "@consilium/shared/release/verify";
import { PublicKey } from "@consilium/shared/units/identity";
import type { Command } from "commander";
import { releaseFiles } from "../release/releaseFiles.ts";
import { print } from "./output.ts";

export function registerVerify(program: Command): void {
  program
    .command("verify")
    .description("check a release offline, with the consortium's public key alone")
    .argument("<path>", "the release's folder, or its .tar")
    .requiredOption("--key <key>", "the public key, or a file that holds it")
    .option("--revocations <file>", "the consortium's notices, beside those in revocations.json next to the release")
    .option("--reaudit <file>", "a second audit's record, beside those that lie next to the release")
    .option("--json", "print the result as JSON")
    .action((path: string, options: VerifyOptions) => {
      const key = publicKeyOf(options.key);
      const { read, listing } = releaseFiles(path);
      const reaudits = reauditsIn(path, options.reaudit);
      const verification = verifyRelease(read, listing, key, revocationsIn(path, options.revocations), reaudits);
      print(options.json, verification, textOf(verification));
      if (!verification.verified) process.exitCode = exitCodeOf(verification);
    });
}

interface VerifyOptions {
  readonly key: string;
  readonly revocations?: string;
  readonly reaudit?: string;
  readonly json?: boolean;
}

/** Records next to the release, of whichever release they are, and the one that was named. */
function reauditsIn(path: string, named: string | undefined): readonly NamedReaudit[] {
  const folder = dirname(resolve(path));
  const beside = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".reaudit.json"))
        .sort()
    : [];
  return [
    ...beside.map((name) => ({ name, reaudit: reauditOf(join(folder, name)), isNamed: false })),
    ...(named === undefined ? [] : [{ name: named, reaudit: reauditOf(named), isNamed: true }]),
  ];
}

function reauditOf(file: string): Reaudit {
  const text = readText(file);
  const parsed = Reaudit.safeParse(text === null ? null : jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    code: "verify/reaudit-unusable",
    kind: "usage",
    what: `${file} holds no second audit's record.`,
    remedy: "Get it again from the coordinator's releases folder, or move it away.",
  });
}

/** Those that lie where a coordinator writes them, and those of the file that was named: neither hides the other's. */
function revocationsIn(path: string, named: string | undefined): readonly Revocation[] {
  const beside = join(dirname(resolve(path)), "revocations.json");
  return [
    ...(readText(beside) === null ? [] : revocationsOf(beside)),
    ...(named === undefined ? [] : revocationsOf(named)),
  ];
}

function revocationsOf(file: string): readonly Revocation[] {
  const text = readText(file);
  const list = RevocationList.safeParse(text === null ? null : jsonOf(text));
  if (list.success) return list.data.revocations;
  throw new Failure({
    code: "verify/revocations-unusable",
    kind: "usage",
    what: `${file} holds no list of revocations: what it says of this release can't be told.`,
    remedy: "Get it again from the coordinator's /api/revocations.",
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // The caller says what the file must be.
  }
}

/** The gate's refusal has a code of its own; anything else is a release that can't be trusted. */
function exitCodeOf({ checks }: Verification): number {
  const broken = checks.filter(({ passed }) => !passed);
  return broken.every(({ name }) => name === "gate") ? FAILURE_EXIT_CODE["audit-failed"] : FAILURE_EXIT_CODE.fault;
}

/** Each check by a line; below a failed one which file differs and how, and at the end what to do. */
function textOf({ verified, overridden, checks }: Verification): string {
  const lines = checks.flatMap(({ name, passed, explanation, problems }) => [
    `${passed ? "ok    " : "FAILED"}  ${name}: ${explanation}`,
    ...problems.map((problem) => `        ${problem}`),
  ]);
  // The first failure explains those after it.
  const [remedy] = checks.flatMap((check) => check.remedy ?? []);
  const end = remedy === undefined ? [] : [`next: ${remedy}`];
  return [
    ...(overridden === null ? [] : [overridden, ""]),
    ...lines,
    "",
    verified ? "verified" : "NOT verified",
    ...end,
  ].join("\n");
}

/** From the command line: the key itself, or a file's path. */
export function publicKeyOf(text: string): PublicKey {
  const inline = PublicKey.safeParse(text);
  if (inline.success) return inline.data;
  const content = readText(text);
  const key = PublicKey.safeParse(content?.trim());
  if (key.success) return key.data;
  const missing = content === null ? ": there is no such file" : "";
  throw new Failure({
    code: "verify/key-unusable",
    kind: "usage",
    what: `The key is neither an Ed25519 public key in base64 nor a file that holds one${missing}.`,
    remedy: "Get consortium.pub from the lead, by a way that you trust.",
  });
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // The caller says what a key must be.
  }
}
