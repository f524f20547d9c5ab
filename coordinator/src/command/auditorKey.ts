import { existsSync } from "node:fs";
import { readSecretFile, SECRET_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { newSeed, type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { AuditorName } from "@consilium/shared/study/releaseRule";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { Command } from "commander";
import { hint, print } from "./output.ts";

const SEED_BYTES = 32;

/** `consilium audit key`: an auditor's own key, made on the auditor's machine; its public half goes into studies. */
export function registerAuditorKey(audit: Command): void {
  audit
    .command("key")
    .description("make an auditor's key: its public half goes into studies, the file stays with the auditor")
    .requiredOption("--out <file>", "the key's file (mode 0600); it must not exist")
    .option("--json", "print the result as JSON")
    .action(async ({ out, json }: { out: string; json?: boolean }) => {
      if (existsSync(out)) throw exists(out);
      const seed = newSeed(operatingSystemRandom);
      await writeFileAtomically(out, `${Buffer.from(seed).toString("base64")}\n`, SECRET_FILE_MODE);
      const { publicKey } = signerOf(seed);
      print(json, { out, publicKey }, publicKey);
      if (json !== true) {
        hint(`next, in the study's file under release.signatures.auditors: { name: NAME, key: "${publicKey}" }`);
      }
    });
}

/** Throws for a file that others may read, or that holds no key. */
export async function auditorSigner(path: string): Promise<Signer> {
  const seed = Buffer.from((await readSecretFile(path)).trim(), "base64");
  if (seed.length === SEED_BYTES) return signerOf(new Uint8Array(seed));
  throw new Failure({
    code: "audit/key-unusable",
    kind: "usage",
    what: `${path} holds no auditor's key.`,
    remedy: "Name the file that consilium audit key wrote.",
  });
}

export function auditorNamed(text: string): AuditorName {
  const name = AuditorName.safeParse(text);
  if (name.success) return name.data;
  throw new Failure({
    code: "audit/bad-auditor",
    kind: "usage",
    what: `--as ${text} is no auditor's name: 1 to 40 lower-case letters, digits or hyphens, starting with a letter.`,
    remedy: "Give the name under which the study names this auditor.",
  });
}

export function exists(out: string): Failure {
  return new Failure({
    code: "file/exists",
    kind: "usage",
    what: `${out} is there already.`,
    remedy: "Name another file, or remove this one first.",
  });
}
