import { issueSiteCertificate } from "@consilium/certs/authority";
import { revokeCertificate, revokeSite, SerialNumber } from "@consilium/certs/revocation";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { INLINE_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import type { SiteName } from "@consilium/shared/units/identity";
import { asCharged, chargedBytesOf } from "@consilium/site-agent/disclosure/outgoing";
import { renew } from "@consilium/site-agent/socket/renewal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  expectUndisturbed,
  Miniature,
  type MiniatureSite,
  moved,
  rejection,
  rejectionFor,
  serialOf,
  until,
} from "./miniature.ts";
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

async function begun(): Promise<RawSite> {
  const site = new RawSite(consortium, await consortium.enrolAnother());
  await site.begin();
  return site;
}

describe("[HND5] signed messages and signed replies go both ways", () => {
  test("a site's message reaches the handler under the name in its certificate, with its attachment", async () => {
    const member = await consortium.enrolAnother();
    const attachment = new Uint8Array(INLINE_BYTES_MAX).fill(7);
    const content = asCharged({ digest: digestOf(attachment), bytes: attachment.length });
    const charged = chargedBytesOf(attachment, content);
    const received: unknown[] = [];
    consortium.onMessage = async (site, message, bytes) => {
      if (site === member.site) received.push(message, bytes);
      return { type: "accepted" };
    };
    expect(await consortium.link(member).send(rejection, charged)).toEqual({ type: "accepted" });
    expect(received).toEqual([rejection, attachment]);
  });

  test("the coordinator's message reaches the site, and the site's reply the coordinator", async () => {
    const member = await consortium.enrolAnother();
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
    const member = await consortium.enrolAnother();
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
    const member = await consortium.enrolAnother();
    consortium.onMessage = async (_site, message) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      if (message.type !== "study-rejected") return { type: "accepted" };
      return { type: "accepted", certificate: message.reason };
    };
    const link = consortium.link(member);
    const reasons = Array.from({ length: 30 }, (_, index) => `reason ${index}`);
    const replies = await Promise.all(reasons.map((reason) => link.send(rejectionFor(reason))));
    consortium.onMessage = async () => ({ type: "accepted" });
    expect(replies.map((reply) => reply.type === "accepted" && reply.certificate)).toEqual(reasons);
  });

  test("to a site that is not connected nothing is sent", async () => {
    const { site } = await consortium.enrolAnother();
    await expect(consortium.server.send(site, moved)).rejects.toMatchObject({ code: "link/not-connected" });
  });

  test("a reply that doesn't come in time is a failure, and the link goes on", async () => {
    const member = await consortium.enrolAnother();
    consortium.link(member, {
      onMessage: () => new Promise((resolve) => setTimeout(resolve, 200, { type: "accepted" })),
    });
    await until(() => consortium.server.isConnected(member.site), "the site connects");
    const late = consortium.server.send(member.site, moved, undefined, 50);
    await expect(late).rejects.toMatchObject({ code: "link/no-reply" });
    expect(await consortium.server.send(member.site, moved)).toEqual({ type: "accepted" });
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
    const member = await consortium.enrolAnother();
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

  test("a link that is closed at any moment of its connecting ends at once", async () => {
    const member = await consortium.enrolAnother();
    for (const afterMs of [0, 1, 2, 5, 10, 20, 40]) {
      const link = consortium.link(member);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await link.close();
      expect(link.isConnected).toBe(false);
    }
  });

  test("a message that nobody answers fails in its time", async () => {
    const member = await consortium.enrolAnother();
    const link = consortium.link(member, {}, signerOf(newSeed(random)).publicKey);
    await expect(link.send(rejection, undefined, 100)).rejects.toMatchObject({ code: "link/no-reply" });
    await link.close();
    await expect(link.send(rejection)).rejects.toMatchObject({ code: "link/lost" });
  });
});

describe("[CRT6] a renewed certificate, over a new key, is used from the next connection on", () => {
  test("renewal over the live link", async () => {
    const member = await consortium.enrolAnother();
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

/** Revokes a site for a moment: its socket is cut, its next one is let in. */
function breakLink(site: SiteName): void {
  const { denyList } = consortium;
  consortium.denyList = revokeSite(denyList, site);
  consortium.server.recheckAuthority();
  consortium.denyList = denyList;
}
