import { signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { openKey, SealedKey, sealKey } from "./sealedKey.ts";

const seed = new Uint8Array(32).fill(5);
const password = "correct horse battery";

describe("[STU32] a steward's key at rest opens with its password alone", () => {
  test("round trip through JSON; another password and an altered file are refused", async () => {
    const sealed = await sealKey("Dr. Bell", seed, password, operatingSystemRandom);
    const read = SealedKey.parse(JSON.parse(JSON.stringify(sealed)));
    expect((await openKey(read, password)).publicKey).toBe(signerOf(seed).publicKey);
    expect(JSON.stringify(sealed)).not.toContain(Buffer.from(seed).toString("base64"));
    const refused = expect.objectContaining({ code: "steward/password-wrong" });
    await expect(openKey(read, `${password}!`)).rejects.toThrow(refused);
    const box = `${read.box.startsWith("A") ? "B" : "A"}${read.box.slice(1)}`;
    await expect(openKey({ ...read, box }, password)).rejects.toThrow(refused);
  });

  test("a short password is refused before anything is written", async () => {
    await expect(sealKey("Dr. Bell", seed, "short", operatingSystemRandom)).rejects.toThrow(
      expect.objectContaining({ code: "steward/password-too-short" }),
    );
  });
});
