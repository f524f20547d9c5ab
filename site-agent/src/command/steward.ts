import { Failure } from "@consilium/shared/failure/failure";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { NextDecision } from "../control/request.ts";
import { readPassword } from "../steward/password.ts";
import { openKey, type SealedKey, sealKey } from "../steward/sealedKey.ts";
import { sealedKeys, writeStewardKey } from "../storage/keys.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { runnable, table } from "./output.ts";

export async function list(context: CommandContext): Promise<void> {
  const { stewards } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const rows = stewards.map(({ name, publicKey }, index) => [
    name,
    publicKey,
    index === 0 ? "approves studies and decides" : "decides",
  ]);
  context.output.result({ stewards }, table(["steward", "public key", ""], rows));
}

export interface AddOptions {
  readonly newPasswordFile: string | undefined;
  readonly steward: StewardOptions;
}

/** The new steward types a password of their own; one who decides here already signs that they may. */
export async function add(context: CommandContext, name: string, options: AddOptions): Promise<void> {
  const { folder, terminal, output } = context;
  const { signer } = await stewardOf(context, options.steward, `Let ${name} decide at this site too?`);
  const password = await readPassword(`New password of steward ${name}: `, options.newPasswordFile, terminal);
  const others = (await sealedKeys(folder)).filter(({ steward }) => steward !== name);
  await requireOwn(others, password);
  const seed = newSeed(operatingSystemRandom);
  const sealed = await sealKey(name, seed, password, operatingSystemRandom);
  const { publicKey } = signerOf(seed);
  const takeAway = await writeStewardKey(folder, sealed);
  try {
    await decideAs(context, signer, () => ({ action: "add-steward", name, publicKey }));
  } catch (error) {
    await takeAway();
    throw error;
  }
  output.result({ name, publicKey }, [
    `${name} may decide here, by a password of their own; the ledger says who let them, for ever.`,
    runnable("Next: consilium-site steward list"),
  ]);
}

/** One password for two keys would make one person of two. */
async function requireOwn(others: readonly SealedKey[], password: string): Promise<void> {
  for (const other of others) {
    const opened = await openKey(other, password).catch(() => null);
    if (opened !== null) throw passwordShared(other.steward);
  }
}

function passwordShared(steward: string): Failure {
  return new Failure({
    code: "steward/password-shared",
    kind: "usage",
    what: `This is the password of steward ${steward}.`,
    remedy: "Have the new steward choose a password of their own, that nobody else knows.",
  });
}
