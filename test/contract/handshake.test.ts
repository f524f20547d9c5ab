import { createAuthority } from "@consilium/certs/authority";
import { tlsKeyFingerprintOfCertificate } from "@consilium/certs/keys";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { createHello } from "@consilium/shared/protocol/handshake";
import { seal, startSession } from "@consilium/shared/protocol/session";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectUndisturbed, Miniature, type MiniatureSite, readyOf, until } from "./miniature.ts";
import { RawSite } from "./rawSite.ts";

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

async function raw(): Promise<RawSite> {
  return new RawSite(consortium, await consortium.enrolAnother());
}

describe("[HND1] only a site of the roster, with its pinned key over its own TLS key, begins a session", () => {
  test("a site that is not on the roster", async () => {
    const stranger = await consortium.enrolAnother();
    consortium.roster = {
      ...consortium.roster,
      sites: consortium.roster.sites.filter(({ site }) => site !== stranger.site),
    };
    const welcome = await new RawSite(consortium, stranger).greet();
    expect(welcome).toMatchObject({ type: "refused", refusal: { code: "site/unknown" } });
  });

  test("the right certificate without the identity key", async () => {
    const site = await raw();
    const thief = signerOf(newSeed(random));
    const tlsKey = tlsKeyFingerprintOfCertificate(site.member.credentials.certificate);
    const welcome = await site.greet(createHello(site.member.site, tlsKey, thief, random));
    expect(welcome).toMatchObject({ type: "refused", refusal: { code: "message/signature-invalid" } });
    await until(() => site.isCut, "the link is cut");
  });

  test("a true hello, passed on by a party in between over its own certificate for that name", async () => {
    const victim = await consortium.enrolAnother();
    const tlsKey = tlsKeyFingerprintOfCertificate(victim.credentials.certificate);
    const between = new RawSite(consortium, victim, await consortium.certify(victim.site));
    const welcome = await between.greet(createHello(victim.site, tlsKey, victim.identity, random));
    expect(welcome).toMatchObject({ type: "refused", refusal: { code: "session/not-you" } });
  });

  test("a hello that was recorded gets a welcome and no session: its sender can't sign the coordinator's new nonce", async () => {
    const site = await raw();
    await site.greet();
    const frame = seal(
      startSession(digestOf("guess"), site.member.site, COORDINATOR),
      { body: readyOf(site.member) },
      site.member.identity,
    );
    expect(await site.exchange(frame.frame)).toMatchObject({ type: "refused", refusal: { code: "session/foreign" } });
    expect(consortium.server.isConnected(site.member.site)).toBe(false);
    site.close();
  });

  test("another protocol version is refused by name", async () => {
    const site = await raw();
    const text = canonicalJson({ v: 99, type: "hello", from: site.member.site });
    const welcome = await site.greet({ text, signature: site.member.identity.sign(text) });
    expect(welcome).toMatchObject({ type: "refused", refusal: { code: "protocol/version-unknown" } });
    expect(consortium.codesOf(site.member.site)).toEqual(["protocol/version-unknown"]);
  });

  test("a coordinator with another key than the pinned one gets nothing but a hello from the site", async () => {
    const member = await consortium.enrolAnother();
    const refusals: string[] = [];
    const other = signerOf(newSeed(random)).publicKey;
    const link = consortium.link(member, { onRefusal: ({ code }) => refusals.push(code) }, other);
    await until(() => refusals.length > 0, "the site refuses");
    expect(refusals[0]).toBe("message/signature-invalid");
    expect(link.isConnected).toBe(false);
    await link.close();
  });

  test("a certificate of a foreign authority doesn't get through TLS", async () => {
    const foreign = await createAuthority("foreign", { now: new Date(), random });
    const member = await consortium.enrol("foreigner", foreign);
    const reasons: string[] = [];
    const link = consortium.link(member, { onDisconnected: (reason) => reasons.push(reason) });
    await until(() => reasons.length > 0, "the site is turned away");
    expect(consortium.refusals.some(({ site, code }) => site === null && code === "tls/handshake-refused")).toBe(true);
    await link.close();
  });
});
