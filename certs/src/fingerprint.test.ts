import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { PublicKey, SiteName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { fingerprintWords, WORDS } from "./fingerprint.ts";

const [basel, zurich] = [SiteName.parse("basel"), SiteName.parse("zurich")];
const fixedKey = PublicKey.parse(`${"A".repeat(43)}=`);

describe("[CRT8] a fingerprint is ten words that depend on the party's name and on each of its keys", () => {
  test("there are 256 distinct words, none a prefix of another", () => {
    expect(new Set(WORDS).size).toBe(256);
    const sorted = [...WORDS].sort();
    expect(sorted.filter((word, index) => sorted[index + 1]?.startsWith(word))).toEqual([]);
  });

  test("the words of a fixed key never change", () => {
    expect(fingerprintWords(basel, [fixedKey])).toBe(
      "juniper indigo jungle planet branch cobalt polka hunter bench actor",
    );
  });

  test("another name or another key gives other words", () => {
    const key = signerOf(newSeed(operatingSystemRandom)).publicKey;
    const prints = [
      fingerprintWords(basel, [fixedKey]),
      fingerprintWords(zurich, [fixedKey]),
      fingerprintWords(basel, [fixedKey, key]),
    ];
    expect(new Set(prints).size).toBe(3);
  });
});
