import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { listen } from "../control/socket.ts";
import { type SealedKey, sealKey } from "../steward/sealedKey.ts";
import type { KnownSteward } from "../steward/statement.ts";
import { dataFolder, makeFolders } from "../storage/folder.ts";
import { sealedKeyOf, sealedKeys, writeStewardKey } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";
import { add } from "./steward.ts";

const PASSWORD = "correct horse battery";

let path: string;
let context: CommandContext;
let agent: Server | undefined;
let first: SealedKey;
beforeAll(async () => {
  first = await sealKey("Dr. Bell", newSeed(operatingSystemRandom), PASSWORD, operatingSystemRandom);
});
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "consilium-steward-key-"));
  const folder = dataFolder(path);
  await makeFolders(folder);
  const secret = { mode: 0o600 };
  await writeFile(join(folder.keys, "steward.json"), JSON.stringify(first), secret);
  await writeFile(join(path, "bell"), PASSWORD, secret);
  await writeFile(join(path, "koch"), `${PASSWORD} of another`, secret);
  await writeFile(folder.config, "");
  const output = { isJson: false, say: () => undefined, result: () => undefined };
  context = { folder, environment: {}, output, terminal: { input: process.stdin, output: process.stderr } };
});
afterEach(async () => {
  agent?.close();
  await rm(path, { recursive: true });
});

const addKoch = (): Promise<void> =>
  add(context, "Dr. Koch", {
    newPasswordFile: join(path, "koch"),
    reason: undefined,
    steward: { passwordFile: join(path, "bell"), isSure: true },
  });

/** An agent whose answer to the decision is lost, after it took effect or before. */
async function losing(when: "before" | "after"): Promise<void> {
  const { steward, publicKey } = await sealedKeyOf(context.folder);
  const stewards: KnownSteward[] = [{ name: steward, publicKey }];
  agent = await listen(context.folder.socket, async (request) => {
    if (request.ask !== "decide") return { site: "basel", steward, stewards, waiting: [], number: 1 };
    const { decision } = request.signed.statement;
    if (when === "after" && decision.action === "add-steward")
      stewards.push({ name: decision.name, publicKey: decision.publicKey });
    throw new Error("the answer is lost");
  });
}

test("[LED35] a newcomer whose letting in took effect keeps the key, though nobody heard the answer", async () => {
  await losing("after");
  await expect(addKoch()).rejects.toThrow();
  expect((await sealedKeys(context.folder)).map(({ steward }) => steward)).toEqual(["Dr. Bell", "Dr. Koch"]);
});

test("[LED35] no key is left of a newcomer who was not let in", async () => {
  await losing("before");
  await expect(addKoch()).rejects.toThrow();
  expect(await sealedKeys(context.folder)).toHaveLength(1);
});

test("[LED35] a key that a killed command left doesn't stand before the next one by that name", async () => {
  const { folder } = context;
  const keyOf = async (steward: string) => {
    const { publicKey } = signerOf(newSeed(operatingSystemRandom));
    return { ...(await sealedKeyOf(folder)), steward, publicKey };
  };
  const [other, left, next] = [await keyOf("Dr. Who"), await keyOf("Dr. Koch"), await keyOf("Dr. Koch")];
  for (const key of [other, left, next]) await writeStewardKey(folder, key);
  const kept = (await sealedKeys(folder)).slice(1).map(({ publicKey }) => publicKey);
  expect(new Set(kept)).toEqual(new Set([other.publicKey, next.publicKey]));
});
