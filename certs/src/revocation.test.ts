import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:https";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { createAuthority, DAY_MS, issueServerCertificate, issueSiteCertificate } from "./authority.ts";
import { createCertificateRequest } from "./request.ts";
import {
  denies,
  EMPTY_DENY_LIST,
  readmitSite,
  revocationListPem,
  revokeCertificate,
  revokeSite,
  SerialNumber,
} from "./revocation.ts";

const [basel, zurich] = [SiteName.parse("basel"), SiteName.parse("zurich")];
const [one, two] = [SerialNumber.parse("01aa"), SerialNumber.parse("01bb")];
const now = new Date();

describe("[CRT5] the deny list stops a whole site or a single certificate", () => {
  test("a revoked certificate is denied, its site's next one is not", () => {
    const list = revokeCertificate(EMPTY_DENY_LIST, one, now);
    expect(denies(list, basel, one)).toBe(true);
    expect(denies(list, basel, two)).toBe(false);
  });

  test("a revoked site is denied whatever its certificate, others are not", () => {
    const list = revokeSite(EMPTY_DENY_LIST, basel);
    expect(denies(list, basel, two)).toBe(true);
    expect(denies(list, zurich, two)).toBe(false);
  });

  test("a readmitted site stays without the certificates that were revoked", () => {
    const list = readmitSite(revokeCertificate(revokeSite(EMPTY_DENY_LIST, basel), one, now), basel);
    expect(denies(list, basel, two)).toBe(false);
    expect(denies(list, basel, one)).toBe(true);
  });

  test("revoking twice changes nothing", () => {
    const list = revokeCertificate(revokeSite(EMPTY_DENY_LIST, basel), one, now);
    expect(revokeCertificate(revokeSite(list, basel), one, new Date(0))).toBe(list);
  });

  test("Node refuses a certificate that is on the revocation list", async () => {
    const authority = await createAuthority("test", { now, random });
    const server = await createCertificateRequest("coordinator");
    const cert = await issueServerCertificate(authority, server.csr, ["127.0.0.1"], { now, random });
    const site = await createCertificateRequest("basel");
    const siteCert = await issueSiteCertificate(authority, site.csr, basel, { now, random });
    const serial = SerialNumber.parse(new X509Certificate(siteCert).serialNumber.toLowerCase());

    const ask = async (list: typeof EMPTY_DENY_LIST): Promise<number> => {
      const crl = await revocationListPem(authority, list, now, new Date(now.getTime() + DAY_MS));
      const listener = createServer(
        { key: server.privateKey, cert, ca: authority.certificate, crl, requestCert: true, rejectUnauthorized: true },
        (_message, response) => response.end(),
      );
      listener.listen(0, "127.0.0.1");
      await once(listener, "listening");
      const address = listener.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      try {
        const tls = { ca: authority.certificate, key: site.privateKey, cert: siteCert, agent: false } as const;
        const call = request({ host: "127.0.0.1", port, ...tls });
        call.end();
        const [response] = await once(call, "response");
        return response.statusCode;
      } finally {
        listener.close();
      }
    };

    expect(await ask(EMPTY_DENY_LIST)).toBe(200);
    await expect(ask(revokeCertificate(EMPTY_DENY_LIST, serial, now))).rejects.toThrow();
  });
});
