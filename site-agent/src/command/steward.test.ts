import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listen } from "../control/socket.ts";
import { sealKey } from "../steward/sealedKey.ts";
import type { KnownSteward } from "../steward/statement.ts";
import { dataFolder, makeFolders } from "../storage/folder.ts";
import { sealedKeyOf, sealedKeys, writeStewardKey } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";
import { add } from "./steward.ts";

const PASSWORD = "correct horse battery";

let path: string;
let context: CommandContext;
let agent: Server | undefined;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "consilium-steward-key-"));
  const folder = dataFolder(path);
  await makeFolders(folder);
  const first = await sealKey("Dr. Bell", newSeed(operatingSystemRandom), PASSWORD, operatingSystemRandom);
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

test("[LED35] no key is left of a newcomer who was not let in, nor stands in another's way", async () => {
  await losing("before");
  await expect(addKoch()).rejects.toThrow();
  expect(await sealedKeys(context.folder)).toHaveLength(1);
  const { folder } = context;
  const { publicKey } = signerOf(newSeed(operatingSystemRandom));
  const killed = { ...(await sealedKeyOf(folder)), steward: "Dr. Koch", publicKey };
  await writeStewardKey(folder, killed);
  agent?.close();
  await losing("after");
  await expect(addKoch()).rejects.toThrow();
  expect((await sealedKeyOf(folder, "Dr. Koch")).publicKey).not.toBe(killed.publicKey);
});
