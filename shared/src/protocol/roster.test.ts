import nacl from "tweetnacl";
import { describe, expect, test } from "vitest";
import { signerOf } from "../signing/ed25519.ts";
import { SiteName } from "../units/identity.ts";
import { acceptRoster, activeSite, EMPTY_ROSTER, Roster, signRoster, withSite } from "./roster.ts";

const seed = (fill: number) => new Uint8Array(32).fill(fill);
const lead = signerOf(seed(1));
const site = (name: string, fill: number) => ({
  site: SiteName.parse(name),
  identityKey: signerOf(seed(fill)).publicKey,
  stewardKey: signerOf(seed(fill + 100)).publicKey,
  state: "active" as const,
});
const basel = site("basel", 2);
const zurich = site("zurich", 3);
const one = withSite(EMPTY_ROSTER, zurich);
const two = withSite(one, basel);

describe("[CRT9] pinned keys change only by a roster that the lead signed, of a later version, with no site lost", () => {
  test("versions grow by one and sites stay in order", () => {
    expect(two).toEqual({ version: 2, sites: [basel, zurich] });
    expect(acceptRoster(one, signRoster(two, lead), lead.publicKey)).toEqual(two);
  });

  test("a revoked site stays listed and is not active", () => {
    const revoked = withSite(two, { ...basel, state: "revoked" });
    expect(activeSite(revoked, basel.site)).toBeUndefined();
    expect(activeSite(revoked, zurich.site)).toEqual(zurich);
    expect(acceptRoster(two, signRoster(revoked, lead), lead.publicKey)).toEqual(revoked);
  });

  test.each([
    { what: "signed by another", received: signRoster(two, signerOf(seed(9))), code: "roster/signature-invalid" },
    {
      what: "altered",
      received: { ...signRoster(two, lead), roster: withSite(one, site("basel", 7)) },
      code: "roster/signature-invalid",
    },
    { what: "older", received: signRoster(one, lead), code: "roster/outdated" },
    {
      what: "different at one version",
      received: signRoster(withSite(one, site("bern", 7)), lead),
      code: "roster/forked",
    },
    {
      what: "with a site lost",
      received: signRoster({ version: 3, sites: [zurich] }, lead),
      code: "roster/site-dropped",
    },
  ])("$what: refused", ({ received, code }) => {
    expect(() => acceptRoster(two, received, lead.publicKey)).toThrow(expect.objectContaining({ code }));
  });

  test("a site listed twice is no roster", () => {
    expect(Roster.safeParse({ version: 1, sites: [basel, basel] }).success).toBe(false);
  });

  test("tweetnacl verifies the lead's signature", () => {
    const { roster, signature } = signRoster(one, lead);
    const [entry] = roster.sites;
    const members = `"identityKey":"${entry?.identityKey}","site":"zurich","state":"active","stewardKey":"${entry?.stewardKey}"`;
    const statement = `consilium/v1 roster\n{"sites":[{${members}}],"version":1}`;
    const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
    const message = new Uint8Array(Buffer.from(statement));
    expect(nacl.sign.detached.verify(message, bytes(signature), bytes(lead.publicKey))).toBe(true);
  });
});
