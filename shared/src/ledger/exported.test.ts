import { describe, expect, test } from "vitest";
import { LEDGER_HEAD_DOMAIN } from "../protocol/messages.ts";
import { EMPTY_ROSTER, signRoster, withSite } from "../protocol/roster.ts";
import { signerOf, signStatement } from "../signing/ed25519.ts";
import { SiteName } from "../units/identity.ts";
import { disagreements } from "./agreement.ts";
import { LedgerBody } from "./entry.ts";
import { exportLines, readExport } from "./exported.ts";
import { filterEntries, requireKnownNames } from "./filter.ts";
import { acting, cap, committed, gaussianEvent, reserved, signer, TestLedger, writer } from "./ledger.test-support.ts";
import { replay } from "./replay.ts";
import { headOf } from "./state.ts";

const step = gaussianEvent(0.2, 2.2);
const ledger = new TestLedger(
  cap(4, 3),
  reserved("heart/1", step),
  acting("heart/1"),
  reserved("lung/1", step, "lung"),
  committed("heart/1"),
  acting("lung/1"),
);
const site = SiteName.parse("basel");
const identity = signerOf(new Uint8Array(32).fill(9));
const roster = signRoster(
  withSite(EMPTY_ROSTER, {
    site,
    identityKey: identity.publicKey,
    stewardKey: identity.publicKey,
    state: "active",
  }),
  signer,
);
const head = headOf(ledger.state);
const early = headOf(replay(writer, ledger.entries.slice(0, 3)));
const header = {
  head,
  signature: signStatement(signer, LEDGER_HEAD_DOMAIN, head),
  countersigned: [{ party: site, head: early, signature: signStatement(identity, LEDGER_HEAD_DOMAIN, early) }],
  roster,
};
const ofHeart = filterEntries(ledger.entries, { study: "heart" });
const whole = exportLines(header, ledger.entries, null);
const part = exportLines(header, ledger.entries, ofHeart);
const read = (lines: readonly string[]) => readExport(`${lines.join("\n")}\n`, signer.publicKey);

describe("[LED11] an exported ledger is verified offline, with its writer's public key alone", () => {
  test("the whole of it, and a part with its proofs", () => {
    expect(read(whole)).toMatchObject({ entries: ledger.entries, state: { tip: ledger.state.tip } });
    expect(read(part)).toMatchObject({ entries: ofHeart, state: null });
    expect(ofHeart.map(({ sequence }) => sequence)).toEqual([2, 3, 5]);
  });

  test("who reads an altered one is told to get it again: there is no ledger to restore", () => {
    for (const lines of [whole, part]) {
      const altered = lines.map((line, index) => (index === 1 ? line.replace("basel", "bazel") : line));
      expect(altered).not.toEqual(lines);
      expect(() => read(altered)).toThrow(
        expect.objectContaining({ code: "ledger/corrupt", remedy: expect.stringMatching(/^Get the export again/) }),
      );
    }
  });

  test.each([
    ["the whole", whole],
    ["a part", part],
  ])("%s: every line counts, and every byte of it", (_name, lines) => {
    for (const [index, line] of lines.entries()) {
      for (let position = 0; position < line.length; position += 29) {
        const changed = Buffer.from(line);
        changed[position] = (changed[position] ?? 0) ^ 1;
        // One that JSON reads as the same value, such as another white space, is the same export.
        if (sameJson(changed.toString("utf8"), line)) continue;
        expect(() => read(lines.with(index, changed.toString("utf8")))).toThrow(/can't be trusted|roster/);
      }
    }
    expect(() => readExport(lines.join("\n"), identity.publicKey)).toThrow("not signed with the key");
  });

  test("an entry left out of the whole, or told in the wrong ledger", () => {
    expect(() => read(whole.slice(0, -1))).toThrow("not those that its head was signed over");
    const [first = "", ...rest] = part;
    const other = new TestLedger(cap(5, 3), ...ledger.entries.slice(1).map(({ body }) => body));
    const foreign = exportLines(header, other.entries, filterEntries(other.entries, { study: "heart" }));
    expect(() => read([first, ...foreign.slice(1)])).toThrow("not proved");
    expect(read([first, ...rest.slice(1)]).entries).toHaveLength(2);
  });

  test("a countersignature of another head, or by nobody on the roster", () => {
    const lost = { ...early, root: head.root };
    const signed = { party: site, head: lost, signature: signStatement(identity, LEDGER_HEAD_DOMAIN, lost) };
    expect(() => read(exportLines({ ...header, countersigned: [signed] }, ledger.entries, null))).toThrow("never had");
    expect(() => read(exportLines({ ...header, roster: null }, ledger.entries, null))).toThrow("did not sign");
  });

  test("filters take a charge's whole life with it", () => {
    const sequences = (wanted: Parameters<typeof filterEntries>[1]) =>
      filterEntries(ledger.entries, wanted).map(({ sequence }) => sequence);
    expect(sequences({ charge: "lung/1" })).toEqual([4, 6]);
    expect(sequences({ site: "basel" })).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sequences({ site: "geneva" })).toEqual([]);
    expect(sequences({ kind: "acting", study: "lung" })).toEqual([6]);
    expect([sequences({ dataset: "clinic" }).length, sequences({ dataset: "other" }).length]).toEqual([6, 0]);
    expect(sequences({})).toHaveLength(6);
  });
});

describe("[LED11] a filter by a name that is nobody's is refused by name, not answered with nothing", () => {
  const names = { site: "basel", dataset: "clinic", study: "lung", kind: "acting", charge: "lung/1" } as const;
  const fields = ["site", "dataset", "study", "kind", "charge"] as const;

  test.each(fields)("%s", (field) => {
    expect(() => requireKnownNames(ledger.entries, { [field]: names[field] })).not.toThrow();
    expect(() => requireKnownNames(ledger.entries, { ...names, [field]: "nobody" })).toThrow(
      expect.objectContaining({
        code: "ledger/unknown-name",
        exitCode: 2,
        remedy: expect.stringContaining(names[field]),
      }),
    );
  });

  test("what is known otherwise may be asked for before any entry bears it", () => {
    const known = { site: ["geneva"], dataset: ["records"], study: ["skin"] };
    for (const field of ["site", "dataset", "study"] as const) {
      const wanted = { [field]: known[field][0] };
      expect(() => requireKnownNames(ledger.entries, wanted, known)).not.toThrow();
      expect(() => requireKnownNames(ledger.entries, wanted)).toThrow("knows no");
    }
    expect(() => requireKnownNames([], { charge: "a" })).toThrow(
      expect.objectContaining({ remedy: "It names none at all yet." }),
    );
  });
});

describe("[LED11] two ledgers agree, or it is said where they don't", () => {
  const bodies = [cap(4), reserved("heart/1", step), acting("heart/1")];
  const own = new TestLedger(...bodies);

  test("the coordinator may count more, never less, and the same events", () => {
    expect(disagreements(ledger.state, own.state, site)).toEqual([]);
    expect(disagreements(own.state, ledger.state, site)).toEqual([
      "lung/1 is spent at basel and not at the coordinator.",
    ]);
    const other = new TestLedger(cap(4), reserved("heart/1", gaussianEvent(0.2, 2.3)), acting("heart/1"));
    expect(disagreements(other.state, own.state, site)).toEqual([
      "heart/1 is another event at basel than at the coordinator.",
    ]);
  });

  test("a head that either saw of the other must still be there", () => {
    const saw = (name: string, shown: typeof head) =>
      LedgerBody.parse({ kind: "head-witnessed", head: { ...shown, writer: name }, signature: header.signature });
    const coordinator = new TestLedger(...bodies, saw("basel", headOf(own.state)));
    expect(disagreements(coordinator.state, own.state, site)).toEqual([]);
    const shorter = new TestLedger(...bodies.slice(0, 2));
    expect(disagreements(coordinator.state, shorter.state, site)).toHaveLength(1);
    const ahead = new TestLedger(...bodies, saw("coordinator", { ...head, sequence: 99 }));
    expect(disagreements(coordinator.state, ahead.state, site)).toEqual([
      "The coordinator's ledger lacks entry 99 as basel saw it.",
    ]);
  });
});

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}
