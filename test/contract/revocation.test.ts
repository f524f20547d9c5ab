import { revokeCertificate, revokeSite, SerialNumber } from "@consilium/certs/revocation";
import { withSite } from "@consilium/shared/protocol/roster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectUndisturbed, Miniature, type MiniatureSite, moved, serialOf, until } from "./miniature.ts";

let consortium: Miniature;
let honest: MiniatureSite;

beforeAll(async () => {
  consortium = await Miniature.start();
  honest = await consortium.enrolHonest();
});

afterAll(async () => {
  await expectUndisturbed(consortium, honest);
  await consortium.stop();
});

describe("[HND8] who is revoked is cut within 5 s, on a live socket, and doesn't come back", () => {
  async function liveLink(): Promise<{ member: MiniatureSite; refused: string[]; isConnected: () => boolean }> {
    const member = await consortium.enrolAnother();
    const refused: string[] = [];
    const link = consortium.link(member, {
      onDisconnected: (_reason, refusal) => {
        if (refusal !== undefined) refused.push(refusal.code);
      },
    });
    await until(() => link.isConnected && consortium.server.isConnected(member.site), "the site connects");
    return { member, refused, isConnected: () => link.isConnected };
  }

  test("a revoked certificate: the timer finds it by itself", async () => {
    const { member, refused, isConnected } = await liveLink();
    const serial = SerialNumber.parse(serialOf(member));
    consortium.denyList = revokeCertificate(consortium.denyList, serial, new Date());
    await until(() => !isConnected() && !consortium.server.isConnected(member.site), "the link is cut", 5000);
    await until(() => refused.length > 0, "the site is told why", 5000);
    expect(refused[0]).toBe("site/revoked");
    expect(consortium.disconnected).toContain(member.site);
  });

  test("a revoked site: at once", async () => {
    const { member } = await liveLink();
    consortium.denyList = revokeSite(consortium.denyList, member.site);
    consortium.server.recheckAuthority();
    expect(consortium.server.isConnected(member.site)).toBe(false);
    await expect(consortium.server.send(member.site, moved)).rejects.toMatchObject({ code: "link/not-connected" });
  });

  test("a site revoked in the roster", async () => {
    const { member, isConnected } = await liveLink();
    const entry = consortium.roster.sites.find(({ site }) => site === member.site);
    if (entry === undefined) throw new Error("not on the roster");
    consortium.roster = withSite(consortium.roster, { ...entry, state: "revoked" });
    await until(() => !isConnected(), "the link is cut", 5000);
    expect(consortium.codesOf(member.site)).toContain("site/revoked");
  });

  test("a certificate that ends while it is in use; the renewed one comes in", async () => {
    const member = await consortium.enrolAnother();
    member.credentials = await consortium.certify(member.site, consortium.authority, 3000);
    const link = consortium.link(member);
    await until(() => link.isConnected, "the site connects");
    await until(() => !link.isConnected, "the link is cut", 8000);
    expect(consortium.codesOf(member.site)).toContain("certificate/expired");
    member.credentials = await consortium.certify(member.site);
    await until(() => link.isConnected, "the site is back");
  });
});
