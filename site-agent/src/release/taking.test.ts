import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { emptyTip, nextEntry, tipOf } from "@consilium/shared/ledger/chain";
import type { LedgerBody, LedgerEntry } from "@consilium/shared/ledger/entry";
import { buildRelease } from "@consilium/shared/release/build";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, signManifest } from "@consilium/shared/release/manifest";
import { signRevocation } from "@consilium/shared/release/revocation";
import { answerHolds } from "@consilium/shared/release/signatories";
import { studyDigest } from "@consilium/shared/study/digest";
import { Signature, SiteName, StudyName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { charged, document, inputs, lead, SITES, seed } from "../../../test/support/releaseFixture.ts";
import { siteMigrations } from "../storage/migrations.ts";
import { Records } from "../storage/records.ts";
import { answerEffect, answerMessage, releasesWaiting } from "./answer.ts";
import { lookAt, ownLook, problemsOf } from "./look.ts";
import { takeRevocation, takeWaiting } from "./taking.ts";

const files = buildRelease(inputs, lead);
const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
const [cleveland] = SITES;
if (signed === null || cleveland === undefined) throw new Error("a release has a manifest, and two sites");
const { manifest } = signed;
const digest = digestOfJson(manifest);
const AT = "2026-01-03T00:00:00Z";
const textOf = (one: SignedManifest): string => new TextDecoder().decode(jsonBytes(one));
const waits = { type: "release-waits" as const, study: document.name, manifest: digest, signed: textOf(signed) };
const { statement, signature } = signRevocation(
  { study: document.name, manifest: digest, reason: "a site's data were wrong", at: "2027-01-01T00:00:00Z" },
  lead,
);
const revoked = { type: "release-revoked" as const, ...statement, signature };

describe("[REL17] a site takes, shows and answers a release that waits for it", () => {
  let folder: string;
  let close: () => void;
  let records: Records;
  const { site, identity } = cleveland;
  const words = { study: document.name, manifest: digest, refusal: null };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "consilium-taking-"));
    const database = await openDatabase(join(folder, "site.db"), siteMigrations);
    close = () => database.close();
    records = new Records(database.connection);
    records.insertProposal(document, studyDigest(document), Signature.parse("A".repeat(86).concat("==")), AT);
  });
  afterEach(async () => {
    close();
    await rm(folder, { recursive: true, force: true });
  });

  test("one that the pinned key signed, of a study that was proposed here; told again it is the same", () => {
    takeWaiting(records, waits, lead.publicKey, AT);
    takeWaiting(records, waits, lead.publicKey, "2026-01-04T00:00:00Z");
    expect(releasesWaiting(records)).toMatchObject([{ manifest: digest, at: AT, answer: null, told: true }]);
  });

  const otherFiles = signManifest({ ...manifest, files: [{ path: "../x", bytes: 1, sha256: digest }] }, lead);
  const otherStudy = signManifest({ ...manifest, studyDigest: digest }, lead);
  const stranger = signManifest(manifest, seed(77));
  test.each([
    ["text that is no manifest", "{}", digest, "release/manifest-unreadable"],
    ["another digest", waits.signed, studyDigest(document), "release/manifest-unreadable"],
    ["another key", textOf(stranger), digest, "release/not-signed"],
    ["files elsewhere", textOf(otherFiles), digestOfJson(otherFiles.manifest), "release/files-unknown"],
    ["a study never proposed here", textOf(otherStudy), digestOfJson(otherStudy.manifest), "release/not-for-us"],
  ])("%s is refused, and nothing kept", (_what, text, named, code) => {
    const message = { ...waits, signed: text, manifest: named };
    expect(() => takeWaiting(records, message, lead.publicKey, AT)).toThrow(expect.objectContaining({ code }));
    expect(records.releases.all()).toEqual([]);
  });

  test("its answer is kept before it is told, holds at the coordinator, and is the same bytes each time", () => {
    takeWaiting(records, waits, lead.publicKey, AT);
    answerEffect({ site, identity, records }, words).also();
    const [known] = records.releases.all();
    expect(known?.told).toBe(false);
    expect(known?.answer && answerHolds(document, manifest, digest, known.answer)).toBe(true);
    const first = known && answerMessage(known);
    expect(first).toMatchObject({ type: "release-answered", refusal: null });
    expect(records.releases.all().map(answerMessage)).toEqual([first]);
    const other = { ...words, refusal: "after all not" };
    expect(() => answerEffect({ site, identity, records }, other)).toThrow(
      expect.objectContaining({ code: "release/answered" }),
    );
    records.releases.markTold(digest, null);
    expect(records.releases.all().map(answerMessage)).toEqual([null]);
    expect(releasesWaiting(records)).toEqual([]);
  });

  test("of a release that nobody told of there is nothing to answer", () => {
    for (const unknown of [words, { ...words, study: StudyName.parse("other") }]) {
      expect(() => answerEffect({ site, identity, records }, unknown)).toThrow(
        expect.objectContaining({ code: "release/unknown" }),
      );
    }
  });

  test("[REL18] a notice of the pinned key is kept and ends it; another key's says nothing", () => {
    takeWaiting(records, waits, lead.publicKey, AT);
    const forged = { ...revoked, signature: signRevocation(statement, seed(77)).signature };
    expect(() => takeRevocation(records, forged, lead.publicKey, AT)).toThrow(/not signed by the coordinator/);
    expect(releasesWaiting(records)).toHaveLength(1);
    takeRevocation(records, revoked, lead.publicKey, AT);
    expect(releasesWaiting(records)).toEqual([]);
    expect(records.releases.all()).toMatchObject([{ revocation: { statement } }]);
    expect(() => answerEffect({ site, identity, records }, words)).toThrow(
      expect.objectContaining({ code: "release/revoked" }),
    );
    const [record] = records.releases.all();
    const notices = record?.revocation == null ? [] : [record.revocation];
    expect(problemsOf(lookAt(files, lead.publicKey, notices)?.checks ?? [])).toEqual([
      "revocation: revoked on 2027-01-01: a site's data were wrong",
    ]);
  });

  test("all that verify checks is shown, and what the site's own ledger says of it", () => {
    const look = lookAt(files, lead.publicKey, []);
    if (look === null) throw new Error("it has a manifest");
    expect(problemsOf(look.checks)).toEqual([]);
    const nothing = ownLook(look, files, { site, studyDigest: studyDigest(document), entries: [] });
    expect(problemsOf(nothing.checks)).toEqual([]);
    expect(nothing.epsilon).toMatchObject({ own: 0, delta: 1e-4 });
    expect(nothing.epsilon?.promised).toBeGreaterThan(1);
    const another = ownLook(look, files, { site, studyDigest: digest, entries: [] });
    expect(problemsOf(another.checks)).toEqual(["own-study: the study is not the one that was proposed here"]);
    const own = ownLedger(inputs.ledger.map(({ body }) => body));
    const agreed = ownLook(look, files, { site, studyDigest: studyDigest(document), entries: own });
    expect(problemsOf(agreed.checks)).toEqual([]);
    expect(agreed.epsilon?.own).toBeCloseTo(agreed.epsilon?.promised ?? 0, 9);
    const more = ownLedger([...inputs.ledger.map(({ body }) => body), ...charged("train", 4)]);
    const short = ownLook(look, files, { site, studyDigest: studyDigest(document), entries: more });
    expect(problemsOf(short.checks)).toEqual([
      "own-ledger: the release's ledger lacks 1 charge that this site booked",
      expect.stringMatching(/^own-epsilon: this site's own ledger counts ε = [\d.]+, the release promises [\d.]+$/),
    ]);
    const altered = new Map(files).set(RELEASE_PATHS.audit, new Uint8Array(3));
    expect(problemsOf(lookAt(altered, lead.publicKey, [])?.checks ?? [])[0]).toContain("files: audit.json");
  });
});

/** The ledger of the first site, of what these bodies say of it. */
function ownLedger(bodies: readonly LedgerBody[]): LedgerEntry[] {
  const ours = bodies.flatMap((body) =>
    body.kind === "reserved" && body.site === cleveland?.site ? [body.charge] : [],
  );
  const isOurs = (body: LedgerBody): boolean =>
    "charge" in body ? ours.includes(body.charge) : "site" in body && body.site === cleveland?.site;
  const entries: LedgerEntry[] = [];
  let tip = emptyTip(SiteName.parse("cleveland"));
  for (const body of bodies.filter(isOurs)) {
    const entry = nextEntry(tip, AT, body, seed(10));
    entries.push(entry);
    tip = tipOf(entry);
  }
  return entries;
}
