import { digestOf } from "@consilium/shared/encoding/digest";
import { newSeed, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { beforeAll, describe, expect, test } from "vitest";
import { createAuthority, DAY_MS } from "./authority.ts";
import { createEnrolmentRequest, EnrolmentRequest, issueToken, parseToken, redeemToken } from "./enrolment.ts";
import { createCertificateRequest } from "./request.ts";

const random = operatingSystemRandom;
const now = new Date("2026-03-01T12:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const [basel, zurich] = [SiteName.parse("basel"), SiteName.parse("zurich")];
const identity = signerOf(newSeed(random));
const steward = signerOf(newSeed(random));

let ca: string;
let csr: string;
beforeAll(async () => {
  ca = (await createAuthority("test", { now, random })).certificate;
  csr = (await createCertificateRequest("basel")).csr;
});

function invite(site: SiteName) {
  return issueToken(
    { site, enrolUrl: "https://lead.example:7443/enrol", agentsUrl: "https://lead.example:7444", ca },
    now,
    random,
  );
}

function requestWith(text: string): EnrolmentRequest {
  return EnrolmentRequest.parse(createEnrolmentRequest(parseToken(text), csr, identity, steward));
}

describe("[CRT3] a token admits one site, once, within a day; the coordinator keeps only its hash", () => {
  test("a good request marks the token as used", () => {
    const { text, record } = invite(basel);
    const used = redeemToken([invite(zurich).record, record], requestWith(text), later(DAY_MS - 1));
    expect(used).toEqual({ ...record, usedAt: later(DAY_MS - 1).toISOString() });
  });

  test("the record can't be turned back into the token", () => {
    const { text, record } = invite(basel);
    const { secret } = parseToken(text);
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    expect(JSON.stringify(record)).not.toContain(secret);
    expect(record.secretHash).toBe(digestOf(secret));
  });

  test("a second use is refused", () => {
    const { text, record } = invite(basel);
    const used = redeemToken([record], requestWith(text), now);
    expect(() => redeemToken([used], requestWith(text), now)).toThrow(
      expect.objectContaining({ code: "enrolment/token-used" }),
    );
  });

  test("after a day it is refused", () => {
    const { text, record } = invite(basel);
    const attempt = () => redeemToken([record], requestWith(text), later(DAY_MS));
    expect(attempt).toThrow(expect.objectContaining({ code: "enrolment/token-expired" }));
  });

  test("for another site it is refused, as if it didn't exist", () => {
    const { text, record } = invite(basel);
    const token = { ...parseToken(text), site: zurich };
    const request = createEnrolmentRequest(token, csr, identity, steward);
    const records = [record, invite(zurich).record];
    expect(() => redeemToken(records, request, now)).toThrow(
      expect.objectContaining({ code: "enrolment/token-unknown" }),
    );
  });

  test("a guessed secret is refused", () => {
    const { record } = invite(basel);
    const attempt = () => redeemToken([record], requestWith(invite(basel).text), now);
    expect(attempt).toThrow(expect.objectContaining({ code: "enrolment/token-unknown" }));
  });

  test.each(["", "a", "e30", "bm90IGpzb24"])("text that is no token is refused by name: %j", (text) => {
    expect(() => parseToken(text)).toThrow(expect.objectContaining({ code: "enrolment/token-unreadable" }));
  });

  test("a token survives line breaks of a mail program", () => {
    const { text } = invite(basel);
    expect(parseToken(text.replaceAll(/(.{60})/g, "$1\r\n  "))).toEqual(parseToken(text));
  });
});

describe("[CRT4] a site proves that it holds each key that will be pinned, over the whole request", () => {
  test("each altered field breaks the signatures", async () => {
    const { text, record } = invite(basel);
    const request = requestWith(text);
    const other = signerOf(newSeed(random)).publicKey;
    const otherCsr = (await createCertificateRequest("basel")).csr;
    const alterations: Partial<EnrolmentRequest>[] = [
      { identityKey: other },
      { stewardKey: other },
      { csr: otherCsr },
      { identitySignature: request.stewardSignature },
      { stewardSignature: request.identitySignature },
    ];
    for (const alteration of alterations) {
      const attempt = () => redeemToken([record], { ...request, ...alteration }, now);
      expect(attempt).toThrow(expect.objectContaining({ code: "enrolment/signature-invalid" }));
    }
    expect(redeemToken([record], request, now).usedAt).toBe(now.toISOString());
  });

  test("operator and steward can't be one key", () => {
    const { text, record } = invite(basel);
    const request = createEnrolmentRequest(parseToken(text), csr, identity, identity);
    expect(() => redeemToken([record], request, now)).toThrow(
      expect.objectContaining({ code: "enrolment/signature-invalid" }),
    );
  });
});
