import { X509Certificate } from "node:crypto";
import { createAuthority, issueSiteCertificate } from "@consilium/certs/authority";
import { tlsKeyFingerprintOfCertificate } from "@consilium/certs/keys";
import { revokeCertificate, revokeSite, SerialNumber } from "@consilium/certs/revocation";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { decodeFrame, encodeFrame } from "@consilium/shared/protocol/envelope";
import { createHello } from "@consilium/shared/protocol/handshake";
import { FRAME_BYTES_MAX, INLINE_BYTES_MAX, REFUSALS_PER_LINK_MAX } from "@consilium/shared/protocol/limits";
import { withSite } from "@consilium/shared/protocol/roster";
import { seal, startSession } from "@consilium/shared/protocol/session";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR, type SiteName, StudyName } from "@consilium/shared/units/identity";
import { renew } from "@consilium/site-agent/socket/renewal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Miniature, type MiniatureSite, until } from "./miniature.ts";
import { RawSite } from "./rawSite.ts";

const rejection = {
  type: "study-rejected",
  study: StudyName.parse("heart"),
  studyDigest: digestOf("a study"),
  reason: "not in this hospital",
} as const;
const moved = { type: "study-moved", study: StudyName.parse("heart"), state: "training" } as const;

let consortium: Miniature;
let zurich: MiniatureSite;
let count = 0;

beforeAll(async () => {
  consortium = await Miniature.start();
  zurich = await consortium.enrol("zurich");
  // An honest site, connected throughout: nothing that others do may disturb it.
  const link = consortium.link(zurich);
  await until(() => link.isConnected, "zurich connects");
});

afterAll(async () => {
  expect(consortium.codesOf(zurich.site)).toEqual([]);
  expect(consortium.disconnected).not.toContain(zurich.site);
  expect(await consortium.server.send(zurich.site, moved)).toEqual({ type: "accepted" });
  expect(consortium.faults).toEqual([]);
  await consortium.stop();
});

/** Each test breaks the rules with a site of its own. */
function enrolAnother(): Promise<MiniatureSite> {
  count += 1;
  return consortium.enrol(`site-${count}`);
}

async function raw(): Promise<RawSite> {
  return new RawSite(consortium, await enrolAnother());
}

async function begun(): Promise<RawSite> {
  const site = await raw();
  await site.begin();
  return site;
}

describe("[HND5] signed messages and signed replies go both ways", () => {
  test("a site's message reaches the handler under the name in its certificate, with its attachment", async () => {
    const member = await enrolAnother();
    const attachment = new Uint8Array(INLINE_BYTES_MAX).fill(7);
    const received: unknown[] = [];
    consortium.onMessage = async (site, message, bytes) => {
      if (site === member.site) received.push(message, bytes);
      return { type: "accepted" };
    };
    expect(await consortium.link(member).send(rejection, attachment)).toEqual({ type: "accepted" });
    expect(received).toEqual([rejection, attachment]);
  });

  test("the coordinator's message reaches the site, and the site's reply the coordinator", async () => {
    const member = await enrolAnother();
    const received: unknown[] = [];
    consortium.link(member, {
      onMessage: async (message) => {
        received.push(message);
        throw new Failure({ code: "study/unknown", kind: "refused", what: "No such study.", remedy: "Propose it." });
      },
    });
    await until(() => consortium.server.isConnected(member.site), "the site connects");
    const reply = await consortium.server.send(member.site, moved);
    expect(received).toEqual([moved]);
    const refusal = { code: "study/unknown", kind: "refused", what: "No such study.", remedy: "Propose it." };
    expect(reply).toEqual({ type: "refused", refusal });
  });

  test("a fault in a handler is told without its cause, and booked", async () => {
    const member = await enrolAnother();
    consortium.onMessage = async () => {
      throw new Error("patient 17 is not in the table");
    };
    const reply = await consortium.link(member).send(rejection);
    consortium.onMessage = async () => ({ type: "accepted" });
    expect(reply).toMatchObject({ type: "refused", refusal: { code: "internal/fault" } });
    expect(JSON.stringify(reply)).not.toContain("patient");
    expect(consortium.codesOf(member.site)).toEqual(["internal/fault"]);
  });

  test("many messages at once all get their own replies", async () => {
    const member = await enrolAnother();
    consortium.onMessage = async (_site, message) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      if (message.type !== "study-rejected") return { type: "accepted" };
      return { type: "accepted", certificate: message.reason };
    };
    const link = consortium.link(member);
    const reasons = Array.from({ length: 30 }, (_, index) => `reason ${index}`);
    const replies = await Promise.all(reasons.map((reason) => link.send({ ...rejection, reason })));
    consortium.onMessage = async () => ({ type: "accepted" });
    expect(replies.map((reply) => reply.type === "accepted" && reply.certificate)).toEqual(reasons);
  });

  test("to a site that is not connected nothing is sent", async () => {
    const { site } = await enrolAnother();
    await expect(consortium.server.send(site, moved)).rejects.toMatchObject({ code: "link/not-connected" });
  });

  test("a reply that doesn't come in time is a failure, and the link goes on", async () => {
    const member = await enrolAnother();
    consortium.link(member, {
      onMessage: () => new Promise((resolve) => setTimeout(resolve, 200, { type: "accepted" })),
    });
    await until(() => consortium.server.isConnected(member.site), "the site connects");
    const late = consortium.server.send(member.site, moved, undefined, 50);
    await expect(late).rejects.toMatchObject({ code: "link/no-reply" });
    expect(await consortium.server.send(member.site, moved)).toEqual({ type: "accepted" });
  });
});

describe("[HND1] only a site of the roster, with its pinned key over its own TLS key, begins a session", () => {
  test("a site that is not on the roster", async () => {
    const stranger = await enrolAnother();
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
    const victim = await enrolAnother();
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
      { body: { type: "ready" } },
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
    const member = await enrolAnother();
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

describe("[HND6] whatever breaks a rule is refused with a signed reply and booked; the sender's link goes on, others notice nothing", () => {
  const cases: { what: string; code: string; frame: (site: RawSite) => Uint8Array }[] = [
    {
      what: "a truncated frame",
      code: "message/malformed",
      frame: (site) => {
        const { session } = site;
        const frame = site.frame(rejection);
        site.session = session;
        return frame.subarray(0, 200);
      },
    },
    { what: "an empty frame", code: "message/malformed", frame: () => new Uint8Array(0) },
    {
      what: "an unsigned message",
      code: "message/signature-invalid",
      frame: (site) => {
        const { session } = site;
        const frame = site.frame(rejection).fill(0, 8, 72);
        site.session = session;
        return frame;
      },
    },
    {
      what: "an altered body",
      code: "message/altered",
      frame: (site) => {
        const { session } = site;
        const envelope = decodeFrame(site.frame(rejection));
        site.session = session;
        if (typeof envelope === "string") throw new Error(envelope);
        return encodeFrame({ ...envelope, body: envelope.body.replace("hospital", "hospitol") });
      },
    },
    {
      what: "a message of no known type",
      code: "message/unknown",
      frame: (site) => site.frame({ type: "give-me-all" }),
    },
    {
      what: "a message with a field too many",
      code: "message/unknown",
      frame: (site) => site.frame({ ...rejection, extra: 1 }),
    },
    { what: "a second ready", code: "session/begun", frame: (site) => site.frame({ type: "ready" }) },
    {
      what: "a message that skips a number",
      code: "session/out-of-sequence",
      frame: (site) => {
        const { session } = site;
        site.frame(rejection);
        const frame = site.frame(rejection);
        site.session = session;
        return frame;
      },
    },
    {
      what: "an attachment over the limit",
      code: "message/oversize",
      frame: (site) => {
        const { session } = site;
        if (session === undefined) throw new Error("no session");
        const attachment = new Uint8Array(INLINE_BYTES_MAX + 1);
        const small = decodeFrame(site.frame(rejection, attachment.subarray(1)));
        site.session = session;
        if (typeof small === "string") throw new Error(small);
        return encodeFrame({ ...small, attachment });
      },
    },
  ];

  test.each(cases)("$what: refused as $code", async ({ code, frame }) => {
    const site = await begun();
    expect(await site.exchange(frame(site))).toMatchObject({ type: "refused", refusal: { code } });
    expect(consortium.codesOf(site.member.site)).toEqual([code]);
    // Its next, honest message is taken.
    expect(await site.exchange(site.frame(rejection))).toEqual({ type: "accepted" });
    site.close();
  });

  test("a replay within the session", async () => {
    const site = await begun();
    const frame = site.frame(rejection);
    expect(await site.exchange(frame)).toEqual({ type: "accepted" });
    expect(await site.exchange(frame)).toMatchObject({ refusal: { code: "session/replayed" } });
    site.close();
  });

  test("a replay into the next connection", async () => {
    const first = await begun();
    const frame = first.frame(rejection);
    await first.exchange(frame);
    first.close();
    const second = new RawSite(consortium, first.member);
    await second.begin();
    expect(await second.exchange(frame)).toMatchObject({ refusal: { code: "session/foreign" } });
    second.close();
  });

  test("a message in another site's name", async () => {
    const site = await begun();
    const { session } = site;
    if (session === undefined) throw new Error("no session");
    const frame = seal({ ...session, self: zurich.site }, { body: rejection }, site.member.identity).frame;
    expect(await site.exchange(frame)).toMatchObject({ refusal: { code: "session/not-you" } });
    site.close();
  });

  test("a message before the session: cut", async () => {
    const site = await raw();
    await site.connected();
    site.socket.emit("envelope", random.bytes(100));
    await until(() => site.isCut, "the link is cut");
    expect(consortium.codesOf(site.member.site)).toEqual(["session/none"]);
  });

  test("a message after the welcome but before ready", async () => {
    const site = await raw();
    await site.greet();
    expect(await site.exchange(site.frame(rejection))).toMatchObject({ refusal: { code: "session/none" } });
    site.close();
  });

  test("a frame above the frame limit: cut, as the library gives no choice", async () => {
    const site = await begun();
    site.socket.emit("envelope", new Uint8Array(FRAME_BYTES_MAX + 1));
    await until(() => site.isCut, "the link is cut");
  });

  test("an event that the protocol doesn't have, again and again: cut after some", async () => {
    const site = await begun();
    for (let index = 0; index < REFUSALS_PER_LINK_MAX; index++) site.socket.emit("chat", "hello?");
    await until(() => site.isCut, "the link is cut");
    expect(consortium.codesOf(site.member.site).at(-1)).toBe("link/too-many-refusals");
  });

  test("a flood: cut", async () => {
    const site = await begun();
    for (let index = 0; index < 5000; index++) site.socket.emit("envelope");
    await until(() => site.isCut, "the link is cut");
  });
});

describe("[HND8] who is revoked is cut within 5 s, on a live socket, and doesn't come back", () => {
  async function liveLink(): Promise<{ member: MiniatureSite; refused: string[]; isConnected: () => boolean }> {
    const member = await enrolAnother();
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
    const member = await enrolAnother();
    member.credentials = await consortium.certify(member.site, consortium.authority, 3000);
    const link = consortium.link(member);
    await until(() => link.isConnected, "the site connects");
    await until(() => !link.isConnected, "the link is cut", 8000);
    expect(consortium.codesOf(member.site)).toContain("certificate/expired");
    member.credentials = await consortium.certify(member.site);
    await until(() => link.isConnected, "the site is back");
  });
});

describe("[HND9] a link comes back by itself, and what was sent meanwhile arrives", () => {
  test("a message waits for the coordinator to come up again", async () => {
    const own = await Miniature.start();
    const member = await own.enrol("basel");
    const link = own.link(member);
    await until(() => link.isConnected, "the site connects");
    const { port } = own.server;
    await own.server.close();
    await until(() => !link.isConnected, "the link is lost");
    const reply = link.send(rejection);
    await own.startServer(port);
    expect(await reply).toEqual({ type: "accepted" });
    await own.stop();
  });

  test("a message whose link broke before the reply is sent again in the next session", async () => {
    const member = await enrolAnother();
    let seen = 0;
    const link = consortium.link(member);
    await until(() => link.isConnected, "the site connects");
    consortium.onMessage = async (site) => {
      if (site === member.site) seen += 1;
      if (seen > 1) return { type: "accepted" };
      breakLink(member.site);
      return { type: "accepted" };
    };
    expect(await link.send(rejection)).toEqual({ type: "accepted" });
    consortium.onMessage = async () => ({ type: "accepted" });
    expect(seen).toBe(2);
  });

  test("a newer link of a site takes over from the old one", async () => {
    const first = await begun();
    const second = new RawSite(consortium, first.member);
    await second.begin();
    await until(() => first.isCut, "the old link is cut");
    expect(consortium.server.isConnected(first.member.site)).toBe(true);
    expect(await second.exchange(second.frame(rejection))).toEqual({ type: "accepted" });
    second.close();
  });

  test("a message that nobody answers fails in its time", async () => {
    const member = await enrolAnother();
    const link = consortium.link(member, {}, signerOf(newSeed(random)).publicKey);
    await expect(link.send(rejection, undefined, 100)).rejects.toMatchObject({ code: "link/no-reply" });
    await link.close();
    await expect(link.send(rejection)).rejects.toMatchObject({ code: "link/lost" });
  });
});

describe("[CRT6] a renewed certificate, over a new key, is used from the next connection on", () => {
  test("renewal over the live link", async () => {
    const member = await enrolAnother();
    const before = serialOf(member);
    consortium.onMessage = async (site, message) => {
      if (message.type !== "certificate-wanted") return { type: "accepted" };
      const certificate = await issueSiteCertificate(consortium.authority, message.csr, site, {
        now: new Date(),
        random,
      });
      return { type: "accepted", certificate };
    };
    const link = consortium.link(member);
    const ends: Date[] = [];
    await renew({
      link,
      site: member.site,
      save: async (credentials) => {
        member.credentials = credentials;
      },
      onRenewed: (notAfter) => ends.push(notAfter),
    });
    consortium.onMessage = async () => ({ type: "accepted" });
    expect(serialOf(member)).not.toBe(before);
    expect(ends).toHaveLength(1);
    // The old certificate is dead, the site is not.
    consortium.denyList = revokeCertificate(consortium.denyList, SerialNumber.parse(before), new Date());
    consortium.server.recheckAuthority();
    expect(await link.send(rejection)).toEqual({ type: "accepted" });
  });
});

function serialOf(member: MiniatureSite): string {
  return new X509Certificate(member.credentials.certificate).serialNumber.toLowerCase();
}

/** Revokes a site for a moment: its socket is cut, its next one is let in. */
function breakLink(site: SiteName): void {
  const { denyList } = consortium;
  consortium.denyList = revokeSite(denyList, site);
  consortium.server.recheckAuthority();
  consortium.denyList = denyList;
}
