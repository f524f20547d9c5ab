import { capsInForce } from "@consilium/shared/ledger/capFilter";
import type { SiteMessage } from "@consilium/shared/protocol/messages";
import { StudyDocument } from "@consilium/shared/study/document";
import { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { repliesTo } from "../storage/studies.ts";
import { Consortium, smallStudy } from "./consortium.test-support.ts";
import type { FakeSite } from "./fakeSite.test-support.ts";

const motive = { by: "lead", reason: "test" };
const dataset = DatasetId.parse("clinic");
const older = expect.objectContaining({ code: "approval/older" });

let consortium: Consortium;
let site: FakeSite;
beforeEach(async () => {
  consortium = await Consortium.open();
  site = consortium.site(0);
});
afterEach(() => consortium.crash());

function propose(name: string) {
  const document = StudyDocument.parse({ ...smallStudy(), name });
  const { digest } = consortium.studies.propose(document, motive);
  return { document, digest, approval: (cap: number): SiteMessage => site.approval(document, digest, cap) };
}

const take = (message: SiteMessage) => consortium.studies.onMessage(site.name, message, undefined);
const cap = () => capsInForce(consortium.store.state, site.name, dataset, null)?.epsilon;
const standing = (study: string) => repliesTo(consortium.world.sql, StudyName.parse(study));

function rejection({ document, digest }: ReturnType<typeof propose>): SiteMessage {
  return { type: "study-rejected", study: document.name, studyDigest: digest, reason: "withdrawn" };
}

describe("[LED34] a lowered cap goes up by no older approval", () => {
  test("lowered, another study approved under it, the first approval sent again", async () => {
    const [first, second] = [propose("first"), propose("second")];
    const generous = first.approval(40);
    await take(generous);
    expect(cap()).toBe(40);
    await take(second.approval(3));
    expect(cap()).toBe(3);
    const entries = consortium.store.head().sequence;
    await take(generous);
    expect(cap()).toBe(3);
    expect(consortium.store.head().sequence).toBe(entries);
  });

  test("an older approval that comes late counts for its study, and its caps don't", async () => {
    const [first, second] = [propose("first"), propose("second")];
    const late = first.approval(40);
    await take(second.approval(3));
    await take(late);
    expect(cap()).toBe(3);
    expect(standing("first")).toMatchObject([{ site: site.name, answer: "approved" }]);
  });

  test("a raise that was signed later counts, whichever approval comes first", async () => {
    const [first, second] = [propose("first"), propose("second")];
    const before = first.approval(3);
    await take(second.approval(40));
    await take(before);
    expect(cap()).toBe(40);
  });

  test("an approval that was withdrawn takes no effect again; a new one does", async () => {
    const study = propose("first");
    const approval = study.approval(40);
    await take(approval);
    await take(rejection(study));
    await expect(take(approval)).rejects.toThrow(older);
    expect(standing("first")).toMatchObject([{ answer: "rejected" }]);
    await take(study.approval(40));
    expect(standing("first")).toMatchObject([{ answer: "approved" }]);
  });

  test("without a number nobody can tell what is newer: it is refused", async () => {
    const { document, digest } = propose("first");
    await expect(take(site.approval(document, digest, 40, "clinic", null))).rejects.toThrow(older);
    expect(cap()).toBeUndefined();
  });

  test("after a start the same holds: the order is in the ledger", async () => {
    const [first, second] = [propose("first"), propose("second")];
    const generous = first.approval(40);
    await take(generous);
    await take(rejection(first));
    await take(second.approval(3));
    const { folder, sites } = consortium;
    await consortium.crash();
    consortium = await Consortium.open(folder, sites);
    await expect(take(generous)).rejects.toThrow(older);
    expect(cap()).toBe(3);
  });
});

describe("[LED37] a site hears its own answers when it comes back", () => {
  const held = () => site.heard.filter((message) => message.type === "answers-held").at(-1);

  test("its newest approval, withdrawn or not, and what it refused of studies that go on", async () => {
    consortium.studies.onConnected(site.name);
    expect(held()).toBeUndefined();
    const [first, second] = [propose("first"), propose("second")];
    const newest = second.approval(3);
    await take(newest);
    await take(rejection(second));
    await take(rejection(first));
    consortium.studies.onConnected(site.name);
    const number = newest.type === "study-approved" ? newest.approval.statement.number : null;
    expect(held()).toMatchObject({
      newest: { statement: { study: "second", number } },
      refused: expect.arrayContaining([
        { study: "first", studyDigest: first.digest, number: null, reason: "withdrawn" },
        { study: "second", studyDigest: second.digest, number, reason: "withdrawn" },
      ]),
    });
    await consortium.studies.stop(StudyName.parse("first"), motive);
    await take(second.approval(3));
    consortium.studies.onConnected(site.name);
    expect(held()).toMatchObject({ refused: [] });
  });
});
