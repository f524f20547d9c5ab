import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../encoding/digest.ts";
import { signerOf } from "../signing/ed25519.ts";
import { COORDINATOR, SiteName } from "../units/identity.ts";
import { decodeFrame, encodeFrame } from "./envelope.ts";
import { INLINE_BYTES_MAX } from "./limits.ts";
import { open, type Session, seal, startSession } from "./session.ts";

const basel = SiteName.parse("basel");
const site = signerOf(new Uint8Array(32).fill(1));
const coordinator = signerOf(new Uint8Array(32).fill(2));
const id = digestOf("a session");
const atSite = startSession(id, basel, COORDINATOR);
const atCoordinator = startSession(id, COORDINATOR, basel);
const body = { type: "greeting", text: "good morning" };
const attachment = new Uint8Array([1, 2, 3, 4]);

function opened(session: Session, frame: Uint8Array) {
  const result = open(session, frame, site.publicKey);
  if ("fault" in result) throw new Error(result.fault);
  return result;
}

const faultOf = (session: Session, frame: Uint8Array) => {
  const result = open(session, frame, site.publicKey);
  return "fault" in result ? result.fault : undefined;
};

describe("[HND3] a message is accepted once, in its place, from the pinned key, in the session that it was signed for", () => {
  const first = seal(atSite, { body, attachment }, site);
  const second = seal(first.session, { body }, site);

  test("messages in order are accepted, with body and attachment as sent", () => {
    const one = opened(atCoordinator, first.frame);
    expect(one.body).toEqual(body);
    expect(one.attachment).toEqual(attachment);
    expect(one.headerHash).toBe(first.headerHash);
    expect(opened(one.session, second.frame).header.seq).toBe(2);
  });

  test("a replay is refused", () => {
    expect(faultOf(opened(atCoordinator, first.frame).session, first.frame)).toBe("session/replayed");
  });

  test("a message whose predecessor is missing is refused", () => {
    expect(faultOf(atCoordinator, second.frame)).toBe("session/out-of-sequence");
  });

  test("a second message under one number is refused", () => {
    const forked = seal(seal(atSite, { body: { type: "other" } }, site).session, { body }, site);
    expect(faultOf(opened(atCoordinator, first.frame).session, forked.frame)).toBe("session/out-of-sequence");
  });

  test("a message of another session is refused", () => {
    const other = startSession(digestOf("another"), COORDINATOR, basel);
    expect(faultOf(other, first.frame)).toBe("session/foreign");
  });

  test("a message from another site, to another, or thrown back at its sender is refused", () => {
    const zurich = startSession(id, SiteName.parse("zurich"), COORDINATOR);
    expect(faultOf(atCoordinator, seal(zurich, { body }, site).frame)).toBe("session/not-you");
    expect(faultOf(atSite, first.frame)).toBe("session/not-you");
  });

  test("a message signed by another key is refused", () => {
    expect(faultOf(atCoordinator, seal(atSite, { body }, coordinator).frame)).toBe("message/signature-invalid");
  });

  test("a swapped body or attachment is refused", () => {
    const envelope = decodeFrame(first.frame);
    if (typeof envelope === "string") throw new Error(envelope);
    expect(faultOf(atCoordinator, encodeFrame({ ...envelope, body: "{}" }))).toBe("message/altered");
    expect(faultOf(atCoordinator, encodeFrame({ ...envelope, attachment: undefined }))).toBe("message/altered");
    expect(faultOf(atCoordinator, encodeFrame({ ...envelope, attachment: new Uint8Array(4) }))).toBe("message/altered");
  });

  test("an attachment over the limit is refused by its receiver and not even sent", () => {
    const large = new Uint8Array(INLINE_BYTES_MAX + 1);
    expect(() => seal(atSite, { body, attachment: large }, site)).toThrow(
      expect.objectContaining({ code: "message/oversize" }),
    );
    const envelope = decodeFrame(seal(atSite, { body, attachment: new Uint8Array(1) }, site).frame);
    if (typeof envelope === "string") throw new Error(envelope);
    expect(faultOf(atCoordinator, encodeFrame({ ...envelope, attachment: large }))).toBe("message/oversize");
  });
});

describe("[HND4] one altered byte anywhere in a frame refuses it, and no bytes crash the reader", () => {
  const { frame } = seal(atSite, { body, attachment }, site);

  test("each altered byte", () => {
    for (let index = 0; index < frame.length; index++) {
      const altered = Uint8Array.from(frame);
      altered[index] = (altered[index] ?? 0) ^ 0x01;
      expect(faultOf(atCoordinator, altered), `byte ${index}`).toBeDefined();
    }
  });

  test("each truncation", () => {
    for (let length = 0; length < frame.length; length++) {
      expect(faultOf(atCoordinator, frame.subarray(0, length)), `length ${length}`).toBeDefined();
    }
  });

  test("random bytes, 1000 times", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => faultOf(atCoordinator, bytes) !== undefined),
      { numRuns: 1000 },
    );
  });

  test("a refused frame leaves the session as it was: the honest message still fits", () => {
    const altered = Uint8Array.from(frame);
    altered[frame.length - 1] = 9;
    expect(faultOf(atCoordinator, altered)).toBe("message/altered");
    expect(faultOf(atCoordinator, frame)).toBeUndefined();
  });
});
