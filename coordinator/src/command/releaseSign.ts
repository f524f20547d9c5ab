import { existsSync } from "node:fs";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { refusedAnswer, type SignatoryAnswer, signedAnswer } from "@consilium/shared/release/signatories";
import { auditorSignatory } from "@consilium/shared/release/signatory";
import { verifyRelease } from "@consilium/shared/release/verify";
import type { Command } from "commander";
import { releaseFiles } from "../release/releaseFiles.ts";
import { auditorNamed, auditorSigner, exists } from "./auditorKey.ts";
import { hint, print } from "./output.ts";
import { publicKeyOf } from "./verify.ts";

interface SignFlags {
  readonly key: string;
  readonly as: string;
  readonly auditorKey: string;
  readonly refuse?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `consilium release sign`: an auditor's signature under a release that the auditor holds in hand and that verifies. */
export function registerReleaseSign(release: Command): void {
  release
    .command("sign")
    .description("sign a release that waits for it, or refuse to (auditor)")
    .argument("<path>", "the release's folder, or its .tar")
    .requiredOption("--key <key>", "the consortium's public key, or a file that holds it")
    .requiredOption("--as <name>", "the name under which the study names this auditor")
    .requiredOption("--auditor-key <file>", "this auditor's key")
    .option("--refuse <reason>", "sign that you won't, and why; it stays in the ledger")
    .requiredOption("--out <file>", "the answer to write; it must not exist")
    .option("--json", "print the result as JSON")
    .action(sign);
}

async function sign(path: string, { key, as, auditorKey, refuse, out, json }: SignFlags): Promise<void> {
  if (existsSync(out)) throw exists(out);
  const { read, listing } = releaseFiles(path);
  const { checks } = verifyRelease(read, listing, publicKeyOf(key));
  const broken = checks.filter(({ name, passed }) => !passed && name !== "signers");
  if (broken.length > 0 && refuse === undefined) throw notVerified(path, broken.map(({ name }) => name).join(", "));
  const signed = readJson(read(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
  if (signed === null) throw notVerified(path, RELEASE_PATHS.manifest);
  const { manifest } = signed;
  const of = {
    ...{ manifest, digest: digestOfJson(manifest) },
    ...{ party: auditorSignatory(auditorNamed(as)), signer: await auditorSigner(auditorKey) },
  };
  const answer: SignatoryAnswer = refuse === undefined ? signedAnswer(of) : refusedAnswer(of, refuse);
  await writeFileAtomically(out, `${JSON.stringify(answer)}\n`, PUBLIC_FILE_MODE);
  const { best, verdict } = manifest.audit;
  const auc = best.state === "resolved" ? `, best attack's AUC ${best.low.toFixed(3)} to ${best.high.toFixed(3)}` : "";
  print(
    json,
    { out, answer },
    `${out}: ${answer.answer} as ${answer.party}, ${manifest.study}${auc}. ${verdict.words}`,
  );
  if (json !== true) hint(`next, by the lead: consilium release hand-in ${out}`);
}

function notVerified(path: string, what: string): Failure {
  return new Failure({
    code: "release/not-verified",
    kind: "refused",
    what: `${path} does not verify (${what}): nothing was signed.`,
    remedy: `See why: consilium verify ${path} --key KEY. To say so under your name: --refuse REASON.`,
  });
}
