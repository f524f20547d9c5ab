import { rm } from "node:fs/promises";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { StudyDocument } from "@consilium/shared/study/document";
import { afterEach, describe, expect, test } from "vitest";
import { Consortium, coordinatorSigner, smallStudy } from "./consortium.test-support.ts";

const motive = { by: "lead", reason: "proposed" };
const withAuditor = (key: string): StudyDocument =>
  StudyDocument.parse({ ...smallStudy(), release: { signatures: { auditors: [{ name: "koch", key }] } } });

describe("[REL16] an auditor of a study is nobody else of the consortium", () => {
  let consortium: Consortium;
  afterEach(async () => {
    await consortium.crash();
    await rm(consortium.folder, { recursive: true, force: true });
  });

  test("a key of the coordinator's, of a site's or of a steward's is refused when the study is proposed", async () => {
    consortium = await Consortium.open();
    const { identity, steward } = consortium.site(1);
    for (const { publicKey } of [coordinatorSigner, identity, steward]) {
      expect(() => consortium.studies.propose(withAuditor(publicKey), motive)).toThrow(
        expect.objectContaining({ code: "study/auditor-not-apart" }),
      );
    }
    const { publicKey } = signerOf(new Uint8Array(32).fill(99));
    expect(consortium.studies.propose(withAuditor(publicKey), motive).standing.state).toBe("proposed");
  });

  test("and when it is started: a site may have joined since with the auditor's key", async () => {
    const { publicKey } = signerOf(new Uint8Array(32).fill(12));
    const all = await Consortium.open();
    consortium = all;
    const late = all.site(2);
    expect(late.identity.publicKey).toBe(publicKey);
    const { sites, ...roster } = all.world.roster().roster;
    const { world } = all;
    Object.assign(world, {
      roster: () => ({ ...world.roster, roster: { ...roster, sites: sites.filter(({ site }) => site !== late.name) } }),
    });
    all.studies.propose(withAuditor(publicKey), motive);
    Object.assign(world, { roster: () => ({ roster: { ...roster, sites } }) });
    await expect(all.studies.start(smallStudy().name, motive)).rejects.toMatchObject({
      code: "study/auditor-not-apart",
    });
  });
});
