import { describe, expect, test } from "vitest";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { signerOf } from "../signing/ed25519.ts";
import { operatingSystemRandom as random } from "../system/operatingSystemRandom.ts";
import { SiteName } from "../units/identity.ts";
import { checkHello, checkWelcome, createHello, createWelcome, refuseHello, sessionId } from "./handshake.ts";
import { refusalFor } from "./refusals.ts";

const basel = SiteName.parse("basel");
const site = signerOf(new Uint8Array(32).fill(1));
const coordinator = signerOf(new Uint8Array(32).fill(2));
const peer = { site: basel, tlsKey: digestOf("basel's TLS key") };
const hello = () => createHello(basel, peer.tlsKey, site, random);

describe("[HND1] a session begins when both sides have signed fresh nonces, over the TLS connection that they name", () => {
  test("a hello of the pinned key, over its own TLS key, is taken", () => {
    expect(checkHello(hello(), peer, site.publicKey)).toMatchObject({ from: "basel", to: "coordinator" });
  });

  test("over another TLS key, or for another site: refused, so a party in between gets nowhere", () => {
    expect(checkHello(hello(), { ...peer, tlsKey: digestOf("another") }, site.publicKey)).toBe("session/not-you");
    expect(checkHello(hello(), { ...peer, site: SiteName.parse("zurich") }, site.publicKey)).toBe("session/not-you");
  });

  test("of another key, or altered: refused", () => {
    expect(checkHello(hello(), peer, coordinator.publicKey)).toBe("message/signature-invalid");
    const signed = hello();
    const altered = { ...signed, text: signed.text.replace(/"nonce":"./, '"nonce":"f') };
    const again =
      altered.text === signed.text ? { ...signed, text: signed.text.replace(/"nonce":"./, '"nonce":"0') } : altered;
    expect(checkHello(again, peer, site.publicKey)).toBe("message/signature-invalid");
  });

  test.each([null, 7, "hello", {}, { text: "{", signature: "" }, { text: "x".repeat(5000), signature: "" }])(
    "what is no hello: refused: %j",
    (received) => {
      expect(checkHello(received, peer, site.publicKey)).toBe("message/malformed");
    },
  );

  test("the welcome must be the pinned coordinator's answer to this very hello", () => {
    const mine = hello();
    const welcome = createWelcome(mine, basel, coordinator, random);
    expect(checkWelcome(welcome, mine, coordinator.publicKey)).toMatchObject({ type: "welcome", to: "basel" });
    expect(checkWelcome(welcome, hello(), coordinator.publicKey)).toBeUndefined();
    expect(checkWelcome(welcome, mine, site.publicKey)).toBeUndefined();
    expect(checkWelcome({ text: "{}" }, mine, coordinator.publicKey)).toBeUndefined();
  });

  test("each session has its own id, from both nonces", () => {
    const mine = hello();
    const ids = [mine, mine, hello()].map((one) => sessionId(one, createWelcome(one, basel, coordinator, random)));
    expect(new Set(ids).size).toBe(3);
  });
});

describe("[HND2] another version of the protocol is refused by name, and the refusal is signed", () => {
  test("version 2 with fields that this one doesn't know", () => {
    const text = canonicalJson({ v: 2, type: "hello", news: true });
    const received = { text, signature: site.sign(text) };
    const fault = checkHello(received, peer, site.publicKey);
    expect(fault).toBe("protocol/version-unknown");
    const answer = refuseHello(received, refusalFor("protocol/version-unknown"), coordinator);
    expect(checkWelcome(answer, received, coordinator.publicKey)).toMatchObject({
      type: "refused",
      refusal: { code: "protocol/version-unknown" },
    });
    expect(checkWelcome(answer, received, site.publicKey)).toBeUndefined();
  });
});
