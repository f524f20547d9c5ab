import { describe, expect, test } from "vitest";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { signerOf } from "../signing/ed25519.ts";
import { SiteName } from "../units/identity.ts";
import { emptyTip, encodeEntry, nextEntry, ownEntries, readChain, tipOf } from "./chain.ts";
import { LedgerBody, type LedgerEntry } from "./entry.ts";
import { acting, cap, committed, gaussianEvent, reserved, signer, TestLedger, writer } from "./ledger.test-support.ts";

const ledger = new TestLedger(
  cap(4, 2),
  reserved("heart/1", gaussianEvent(0.2, 2.2)),
  acting("heart/1"),
  committed("heart/1"),
);
const lines = ledger.entries.map(encodeEntry);
const read = (changed: readonly string[]): unknown => readChain(changed, writer, signer.publicKey);

describe("[LED1] one byte changed anywhere in a ledger is refused, and the entry is named", () => {
  test("the ledger itself is read back as it was written", () => {
    expect(read(lines)).toEqual(ledger.entries);
    expect(readChain([], writer, signer.publicKey)).toEqual([]);
  });

  test("what is stored and what is hashed are canonical JSON, whatever a body says", () => {
    const said = LedgerBody.parse({
      kind: "study-moved",
      study: "heart",
      from: 'running"',
      to: "\\ended\n",
      by: "Zoë \u{1F9EA}",
      reason: "",
    });
    for (const entry of new TestLedger(cap(4), said).entries) {
      const { hash, signature: _signature, ...content } = entry;
      expect(encodeEntry(entry)).toBe(canonicalJson(entry));
      expect(hash).toBe(digestOf(canonicalJson(content)));
    }
  });

  test.each(lines.map((_, index) => index))("every byte of entry %d, one bit of it", (index) => {
    const bytes = Buffer.from(lines[index] ?? "");
    for (let position = 0; position < bytes.length; position++) {
      const changed = Buffer.from(bytes);
      changed[position] = (changed[position] ?? 0) ^ (1 << (position % 7));
      const text = lines.with(index, changed.toString("utf8"));
      expect(() => read(text)).toThrow(
        expect.objectContaining({ code: "ledger/corrupt", fields: { writer, sequence: index + 1 } }),
      );
    }
  });

  test("the unused bits of a signature's last digit count as bytes too", () => {
    const last = lines.at(-1) ?? "";
    const digit = last.charAt(last.indexOf('=="') - 1);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const neighbour = alphabet.charAt(alphabet.indexOf(digit) + 1);
    const changed = last.replace(`${digit}=="`, `${neighbour}=="`);
    expect(changed).not.toBe(last);
    expect(() => read(lines.with(-1, changed))).toThrow("entry 4".replace("entry", "Entry"));
  });

  test("white space, another order, a missing, doubled or swapped entry", () => {
    const [first = "", second = "", ...rest] = lines;
    for (const changed of [
      [`${first} `, second, ...rest],
      [second, ...rest],
      [first, first, second],
      [second, first, ...rest],
      ["", ...lines],
    ]) {
      expect(() => read(changed)).toThrow(expect.objectContaining({ code: "ledger/corrupt" }));
    }
  });

  test("another party's entry, and one signed with another key", () => {
    const stranger = signerOf(new Uint8Array(32).fill(6));
    const [entry] = ledger.entries;
    if (entry === undefined) throw new Error("the ledger has entries");
    const forged = nextEntry(emptyTip(writer), entry.at, entry.body, stranger);
    expect(tipOf(forged)).toEqual(tipOf(entry));
    expect(() => read([encodeEntry(forged)])).toThrow("signature");
    const foreign = nextEntry(emptyTip(SiteName.parse("basel")), entry.at, entry.body, signer);
    expect(() => read([encodeEntry(foreign)])).toThrow("written by basel");
  });
});

describe("[LED1] a ledger of our own: the tip's signature vouches for all that its hash is of", () => {
  const read = (changed: readonly string[]): LedgerEntry[] => [
    ...ownEntries(changed, emptyTip(writer), signer.publicKey),
  ];

  test("what was written is read back; any change of content is refused, by its entry", () => {
    expect(read(lines)).toEqual(ledger.entries);
    for (const [index, line] of lines.entries()) {
      const changed = lines.with(index, line.replace("2026-01-02", "2026-01-03"));
      expect(() => read(changed)).toThrow(expect.objectContaining({ fields: { writer, sequence: index + 1 } }));
    }
  });

  test("a chain that another key wrote is refused at its tip", () => {
    const stranger = signerOf(new Uint8Array(32).fill(6));
    let tip = emptyTip(writer);
    const forged = ledger.entries.map(({ at, body }) => {
      const entry = nextEntry(tip, at, body, stranger);
      tip = tipOf(entry);
      return encodeEntry(entry);
    });
    expect(() => read(forged)).toThrow("signature");
  });
});
