import { describe, expect, test } from "vitest";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { signerOf } from "../signing/ed25519.ts";
import { SiteName } from "../units/identity.ts";
import { emptyTip, encodeEntry, nextEntries, nextEntry, ownEntries, readChain, tipOf } from "./chain.ts";
import { LedgerBody, type LedgerEntry } from "./entry.ts";
import { acting, cap, committed, gaussianEvent, reserved, signer, TestLedger, writer } from "./ledger.test-support.ts";
import { readOwn } from "./ownLine.ts";

const ledger = new TestLedger(
  cap(4, 2),
  reserved("heart/1", gaussianEvent(0.2, 2.2)),
  acting("heart/1"),
  committed("heart/1"),
);
const lines = ledger.entries.map(encodeEntry);
/** The same, written as a cap alone and a round's three entries together. */
const [alone = ""] = lines;
const together = nextEntries(
  ledger.entries.map(tipOf)[0] ?? emptyTip(writer),
  "2026-01-02T03:04:05.678Z",
  ledger.entries.slice(1).map(({ body }) => body),
  signer,
);
const batch = [alone, ...together.map(({ line }) => line)];
const entries = [...ledger.entries.slice(0, 1), ...together.map(({ entry }) => entry)];
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

  test.each([
    ...lines.map((_, index) => ({ how: "alone", lines, index })),
    ...batch.map((_, index) => ({ how: "together", lines: batch, index })).slice(1),
  ])("every byte of entry $index, written $how, one bit of it", ({ lines, index }) => {
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

describe("[LED1] entries that are written together bear one signature, at the last of them", () => {
  test("each says in what its hash is of where that is", () => {
    expect(entries.map(({ signedWith }) => signedWith)).toEqual([undefined, 4, 4, undefined]);
    expect(entries.map(({ signature }) => signature !== undefined)).toEqual([true, false, false, true]);
    expect(together.map(({ entry, line }) => line === encodeEntry(entry))).toEqual([true, true, true]);
    for (const { hash, signature: _signature, ...content } of entries)
      expect(hash).toBe(digestOf(canonicalJson(content)));
    expect(read(batch)).toEqual(entries);
    expect(nextEntries(emptyTip(writer), "2026-01-01T00:00:00Z", [], signer)).toEqual([]);
  });

  test("none is believed without it, nor another in its place", () => {
    for (const length of [2, 3]) expect(() => read(batch.slice(0, length))).toThrow("Entry 4");
    const [, second, third, last] = entries;
    if (second === undefined || third === undefined || last === undefined) throw new Error("there are four");
    const { signedWith: _, ...bare } = second;
    const { signature: __, ...unsigned } = last;
    for (const [index, changed] of [
      [1, { ...second, signature: last.signature }],
      [1, bare],
      [3, unsigned],
      [3, { ...last, signedWith: 5 }],
    ] as const)
      expect(() => read(batch.with(index, encodeEntry(changed)))).toThrow(
        expect.objectContaining({ fields: { writer, sequence: index + 1 } }),
      );
    // One that a writer began, and went on from otherwise.
    const { at, body } = third;
    const other = nextEntry(tipOf(second), at, body, signer);
    expect(() => read([alone, batch[1] ?? "", encodeEntry(other)])).toThrow("entry 4 was to sign it");
  });
});

describe("[LED1] a ledger of our own: the tip's signature vouches for all that its hash is of", () => {
  const read = (changed: readonly string[]): LedgerEntry[] => [
    ...ownEntries(changed, emptyTip(writer), signer.publicKey),
  ];

  test.each([
    { how: "alone", lines },
    { how: "together", lines: batch },
  ])("what was written $how is read back; every byte but those of older signatures counts", ({ lines }) => {
    expect(read(lines)).toEqual(readChain(lines, writer, signer.publicKey));
    for (const [index, line] of lines.entries()) {
      const bytes = Buffer.from(line);
      const signature = index < lines.length - 1 ? /(?<="signature":")[^"]+/d.exec(line)?.indices?.[0] : undefined;
      for (let position = 0; position < bytes.length; position++) {
        if (signature !== undefined && position >= signature[0] && position < signature[1]) continue;
        const changed = Buffer.from(bytes);
        changed[position] = (changed[position] ?? 0) ^ (1 << (position % 7));
        expect(() => read(lines.with(index, changed.toString("utf8")))).toThrow(
          expect.objectContaining({ code: "ledger/corrupt", fields: { writer, sequence: index + 1 } }),
        );
      }
    }
  });

  test("the quick way reads all that we write: the strict one only says what is wrong with the rest", () => {
    const tips = [emptyTip(writer), ...entries.map(tipOf)];
    const quick = batch.map((line, index) => readOwn(line, tips[index] ?? emptyTip(writer)));
    expect(quick).toEqual(entries);
  });

  test("a part of a line in another place is refused, though what was hashed is all there", () => {
    for (const [index, line] of batch.entries()) {
      const [hash = ""] = /"hash":"[0-9a-f]{64}",(?="previousHash")/.exec(line) ?? [];
      const [signature = ""] = /"signature":"[^"]*",/.exec(line) ?? [];
      const bare = line.replace(hash, "");
      for (const moved of [
        bare.replace('"body":', `${hash}"body":`),
        bare.replace('"sequence":', `${hash}"sequence":`),
        bare.replace('"writer":', `${hash}"writer":`),
        ...(signature === "" ? [] : [line.replace(signature, "").replace('"sequence":', `${signature}"sequence":`)]),
      ]) {
        expect(moved).not.toBe(line);
        expect(moved).toHaveLength(line.length);
        expect(() => read(batch.with(index, moved))).toThrow(
          expect.objectContaining({ fields: { writer, sequence: index + 1 } }),
        );
      }
    }
  });

  test("whatever a body says, and however long a time is written", () => {
    const said = {
      kind: "study-moved",
      study: "heart",
      from: '","hash":"',
      to: '","body":{',
      by: "Zoë \u{1F9EA}",
    } as const;
    const strange = ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678901Z"].map((at, index) => {
      const body = LedgerBody.parse({ ...said, reason: `"hash":"${"ab".repeat(32)}",${index}` });
      return new TestLedger().appendAt(at, body).entries[0];
    });
    for (const entry of strange) expect(entry === undefined ? [] : read([encodeEntry(entry)])).toEqual([entry]);
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
