import { decodeFrame, encodeFrame } from "@consilium/shared/protocol/envelope";
import { FRAME_BYTES_MAX, INLINE_BYTES_MAX, REFUSALS_PER_LINK_MAX } from "@consilium/shared/protocol/limits";
import { seal } from "@consilium/shared/protocol/session";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectUndisturbed, Miniature, type MiniatureSite, readyOf, rejection, until } from "./miniature.ts";
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

async function begun(): Promise<RawSite> {
  const site = new RawSite(consortium, await consortium.enrolAnother());
  await site.begin();
  return site;
}

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
    { what: "a second ready", code: "session/begun", frame: (site) => site.frame(readyOf(site.member)) },
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
    const frame = seal({ ...session, self: honest.site }, { body: rejection }, site.member.identity).frame;
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

  test.each(["0null", "01", "0[]", "2null", "4null", "9{}", "2["])(
    "a text that is no packet, %j: cut",
    async (text) => {
      const site = await raw();
      await site.connected();
      site.sendText(text);
      await until(() => site.isCut, "the link is cut");
    },
  );

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
