import { Failure } from "@consilium/shared/failure/failure";
import { newSeed } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { PublicKey } from "@consilium/shared/units/identity";
import { NextDecision, type WaitingSteward } from "../control/request.ts";
import { askedAlready, stewardKnown } from "../steward/notANewcomer.ts";
import { readPassword } from "../steward/password.ts";
import { openKey, type SealedKey, sealKey } from "../steward/sealedKey.ts";
import { removeStewardKey, sealedKeys, writeStewardKey } from "../storage/keys.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { granterOf } from "./granter.ts";
import { runnable, table } from "./output.ts";

export async function list(context: CommandContext): Promise<void> {
  const { stewards, waiting } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const rows = stewards.map(({ name, publicKey }, index) => [
    name,
    publicKey,
    index === 0 ? "approves studies and decides" : "decides",
  ]);
  context.output.result({ stewards, waiting }, [
    ...table(["steward", "public key", ""], rows),
    ...waiting.flatMap(({ name, by, reason }) => [
      `${name} waits to be let in, asked for by ${by}: ${reason}`,
      runnable(`  consilium-site steward grant "${name}" --as NAME --reason WHY (or refuse)`),
    ]),
  ]);
}

export interface AddOptions {
  readonly newPasswordFile: string | undefined;
  /** Needed where it takes two; kept in the ledger. */
  readonly reason: string | undefined;
  readonly steward: StewardOptions;
}

/**
 * The new steward types a password of their own. The first steward signs that the second may decide; from then on one
 * of them asks for it, and another grants it.
 */
export async function add(context: CommandContext, name: string, options: AddOptions): Promise<void> {
  const { output } = context;
  const { stewards, waiting } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const isAlone = stewards.length === 1;
  if (stewards.some((one) => one.name === name)) throw stewardKnown(name);
  if (waiting.some((one) => one.name === name)) throw askedAlready(name);
  if (!isAlone && options.reason === undefined) throw noReason(name);
  const question = isAlone ? `Let ${name} decide at this site too?` : `Ask that ${name} may decide at this site too?`;
  const { signer } = await stewardOf(context, options.steward, question);
  const sealed = await newKey(context, name, options.newPasswordFile);
  const { publicKey } = sealed;
  const takeAway = await writeStewardKey(context.folder, sealed);
  const reason = options.reason ?? "";
  try {
    await decideAs(context, signer, () =>
      isAlone ? { action: "add-steward", name, publicKey } : { action: "ask-steward", name, publicKey, reason },
    );
  } catch (error) {
    if (!(await mayBeIn(context, publicKey))) await takeAway();
    throw error;
  }
  output.result({ name, publicKey, waits: !isAlone }, [
    ...(isAlone
      ? [`${name} may decide here, by a password of their own; the ledger says who let them, for ever.`]
      : [`${name} was asked for, and decides nothing until another steward grants it.`]),
    isAlone
      ? runnable("Next: consilium-site steward list")
      : runnable(`Next, by another steward: consilium-site steward grant "${name}" --as NAME --reason WHY`),
  ]);
}

/** A decision whose answer was lost may have taken effect; then its key is the only one that the newcomer has. */
async function mayBeIn(context: CommandContext, key: PublicKey): Promise<boolean> {
  try {
    const { stewards, waiting } = await askSite(context, { ask: "next-decision" }, NextDecision);
    return [...stewards, ...waiting].some(({ publicKey }) => publicKey === key);
  } catch {
    // Nobody can tell: a key too many decides nothing.
    return true;
  }
}

/** Grants or refuses whom another steward asked for; whoever asked may only take it back. */
export async function settle(
  context: CommandContext,
  name: string,
  isGranted: boolean,
  { reason, steward }: { readonly reason: string; readonly steward: StewardOptions },
): Promise<void> {
  const { waiting } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const found = waiting.find((one) => one.name === name);
  if (found === undefined) throw noneWaits(name, waiting);
  const { by, request, publicKey } = found;
  context.output.say(`${name}, asked for by ${by}: ${found.reason}`);
  context.output.say("Two stewards together raise caps: grant it to a person whom you know to be another one.");
  const as = isGranted ? await granterOf(context, by, steward) : steward.as;
  const { signer } = await stewardOf(context, { ...steward, as }, isGranted ? `Let ${name} in?` : `Refuse ${name}?`);
  await decideAs(context, signer, () => ({ action: "settle-steward", request, isGranted, reason }));
  if (!isGranted) await removeStewardKey(context.folder, publicKey);
  context.output.result({ name, publicKey, isGranted }, [
    isGranted ? `${name} may decide here; the ledger says who let them, for ever.` : `${name} is not let in.`,
    runnable("Next: consilium-site steward list"),
  ]);
}

async function newKey({ folder, terminal }: CommandContext, name: string, passwordFile: string | undefined) {
  const password = await readPassword(`New password of steward ${name}: `, passwordFile, terminal);
  const others = (await sealedKeys(folder)).filter(({ steward }) => steward !== name);
  await requireOwn(others, password);
  return sealKey(name, newSeed(operatingSystemRandom), password, operatingSystemRandom);
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

function noReason(name: string): Failure {
  return new Failure({
    code: "steward/no-reason",
    kind: "usage",
    what: "Two decide here already: who else does, one of them asks for, with a reason, and another grants.",
    remedy: `Say why: consilium-site steward add "${name}" --reason WHY`,
  });
}

function noneWaits(name: string, waiting: readonly WaitingSteward[]): Failure {
  const names = waiting.map((one) => one.name).join(", ");
  return new Failure({
    code: "steward/request-unknown",
    kind: "refused",
    what: `Nobody by the name ${name} waits to be let in${names === "" ? "" : `, but ${names}`}.`,
    remedy: "See who decides and who waits: consilium-site steward list",
  });
}
