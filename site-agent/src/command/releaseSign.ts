/** `consilium-site release sign`: this hospital's signature under a release that its steward holds in hand, as a file. */
import { existsSync } from "node:fs";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { refusedAnswer, signedAnswer } from "@consilium/shared/release/signatories";
import { readKeys } from "../storage/keys.ts";
import { type CommandContext, type StewardOptions, stewardOf } from "./context.ts";
import { unwritable } from "./localFile.ts";
import { runnable } from "./output.ts";
import { holdRelease, requireHolds, toldOf } from "./releaseLook.ts";

export interface SignOptions {
  /** The release's folder or archive. */
  readonly path: string;
  /** Reason of a refusal; undefined: sign. */
  readonly refuse: string | undefined;
  readonly out: string;
  readonly steward: StewardOptions;
}

/** Holds the release against what this site knows, and has the steward decide. */
export async function signRelease(context: CommandContext, options: SignOptions): Promise<void> {
  const { path, refuse, out, steward } = options;
  const { folder, output } = context;
  if (existsSync(out)) throw exists(out);
  const held = await holdRelease(context, path);
  for (const problem of held.problems) output.say(`doesn't hold: ${problem}`);
  if (refuse === undefined) requireHolds(held);
  for (const line of toldOf(held)) output.say(line);
  const { manifest, digest, site } = held;
  const question = refuse === undefined ? `Sign the release of ${manifest.study}?` : `Refuse ${manifest.study}?`;
  await stewardOf(context, steward, question);
  const { identity } = await readKeys(folder);
  const of = { manifest, digest, party: site, signer: identity };
  const answer = refuse === undefined ? signedAnswer(of) : refusedAnswer(of, refuse);
  await writeFileAtomically(out, `${JSON.stringify(answer)}\n`, PUBLIC_FILE_MODE).catch((cause: unknown) => {
    throw unwritable(out, cause);
  });
  output.result({ out, answer }, [
    `Wrote ${out}: ${site} ${answer.answer} the release of ${manifest.study}.`,
    runnable(`Next: send it to the lead, who hands it in: consilium release hand-in ${out}`),
  ]);
}

function exists(out: string): Failure {
  return new Failure({
    code: "file/exists",
    kind: "usage",
    what: `${out} is there already.`,
    remedy: "Name another file, or remove this one first.",
  });
}
