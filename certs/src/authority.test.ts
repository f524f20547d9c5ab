import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type Server } from "node:https";
import { TLSSocket } from "node:tls";
import { Failure } from "@consilium/shared/failure/failure";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, createAuthority, DAY_MS, issueServerCertificate, issueSiteCertificate } from "./authority.ts";
import { tlsKeyFingerprintOfCertificate } from "./keys.ts";
import { createCertificateRequest } from "./request.ts";

const issuing = () => ({ now: new Date(), random: operatingSystemRandom });
const basel = SiteName.parse("basel");

let authority: Authority;
let server: Server;
let port: number;

beforeAll(async () => {
  authority = await createAuthority("test", issuing());
  const { privateKey, csr } = await createCertificateRequest("coordinator");
  const cert = await issueServerCertificate(authority, csr, ["localhost", "127.0.0.1"], issuing());
  const mutual = {
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
  } as const;
  server = createServer({ key: privateKey, cert, ...mutual }, (message, response) => {
    const name = message.socket instanceof TLSSocket ? message.socket.getPeerCertificate().subject.CN : "nobody";
    response.end(`hello ${name}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(() => {
  server.close();
});

async function connect(options: object): Promise<string> {
  const call = request({ host: "127.0.0.1", port, ca: authority.certificate, agent: false, ...options });
  call.end();
  const [response] = await once(call, "response");
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function siteCredentials(signedBy = authority, now = new Date()): Promise<{ key: string; cert: string }> {
  const { privateKey, csr } = await createCertificateRequest("whatever");
  const cert = await issueSiteCertificate(signedBy, csr, basel, { ...issuing(), now });
  return { key: privateKey, cert };
}

describe("[CRT1] both ends of the agents' listener show a certificate of the consortium's authority, over TLS 1.3", () => {
  test("a site of the consortium is let in under its own name", async () => {
    expect(await connect(await siteCredentials())).toBe("hello basel");
  });

  test("without a certificate: refused", async () => {
    await expect(connect({})).rejects.toThrow();
  });

  test("with a certificate of another authority: refused", async () => {
    const foreign = await createAuthority("test", issuing());
    await expect(connect(await siteCredentials(foreign))).rejects.toThrow();
  });

  test("with a certificate that ended yesterday: refused", async () => {
    await expect(connect(await siteCredentials(authority, new Date(Date.now() - 2 * DAY_MS)))).rejects.toThrow();
  });

  test("with a certificate that begins tomorrow: refused", async () => {
    await expect(connect(await siteCredentials(authority, new Date(Date.now() + DAY_MS)))).rejects.toThrow();
  });

  test("over TLS 1.2: refused", async () => {
    await expect(connect({ ...(await siteCredentials()), maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version/);
  });

  test("a server certificate doesn't serve as a site's", async () => {
    const { privateKey, csr } = await createCertificateRequest("coordinator");
    const cert = await issueServerCertificate(authority, csr, ["localhost"], issuing());
    await expect(connect({ key: privateKey, cert })).rejects.toThrow();
  });

  test("a site's certificate doesn't serve as the coordinator's", async () => {
    const impostor = createServer(await siteCredentials(), (_message, response) => response.end());
    impostor.listen(0, "127.0.0.1");
    await once(impostor, "listening");
    const address = impostor.address();
    const impostorPort = typeof address === "object" && address !== null ? address.port : 0;
    await expect(connect({ port: impostorPort })).rejects.toThrow();
    impostor.close();
  });

  test("the coordinator under a host name that its certificate doesn't hold: refused by the site", async () => {
    await expect(connect({ ...(await siteCredentials()), servername: "elsewhere.example" })).rejects.toThrow(
      /altnames/,
    );
  });
});

describe("[CRT2] the authority sets the name, the life and the use of a certificate; the request brings only the key", () => {
  test("a request that names another site gets its own name only", async () => {
    const { csr } = await createCertificateRequest("zurich");
    const certificate = new X509Certificate(await issueSiteCertificate(authority, csr, basel, issuing()));
    expect(certificate.subject).toBe("CN=basel");
    expect(certificate.subjectAltName).toBeUndefined();
    expect(certificate.ca).toBe(false);
  });

  test("a site's certificate lives for a day", async () => {
    const { cert } = await siteCredentials();
    const leftMs = Date.parse(new X509Certificate(cert).validTo) - Date.now();
    expect(leftMs).toBeGreaterThan(DAY_MS - 60_000);
    expect(leftMs).toBeLessThanOrEqual(DAY_MS);
  });

  test("serial numbers are 128 random bits", async () => {
    const serials = await Promise.all(
      [1, 2, 3].map(async () => new X509Certificate((await siteCredentials()).cert).serialNumber),
    );
    for (const serial of serials) expect(serial).toMatch(/^01[0-9A-F]{32}$/);
    expect(new Set(serials).size).toBe(3);
  });

  test("a request that its key didn't sign is refused", async () => {
    const { csr } = await createCertificateRequest("basel");
    const der = Buffer.from(csr.replaceAll(/-----.*-----|\s/g, ""), "base64");
    der[der.length - 3] = (der[der.length - 3] ?? 0) ^ 1;
    const altered = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    const attempt = issueSiteCertificate(authority, altered, basel, issuing());
    await expect(attempt).rejects.toMatchObject({ code: "certificate/request-refused" });
  });

  test.each(["", "no PEM", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"])(
    "an unreadable request is refused: %j",
    async (csr) => {
      await expect(issueSiteCertificate(authority, csr, basel, issuing())).rejects.toBeInstanceOf(Failure);
    },
  );

  test("a certificate holds the key that was asked for", async () => {
    const { csr, privateKey } = await createCertificateRequest("basel");
    const cert = await issueSiteCertificate(authority, csr, basel, issuing());
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const certificate = new X509Certificate(cert);
    expect(certificate.checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
    expect(certificate.checkPrivateKey(other.privateKey)).toBe(false);
    expect(tlsKeyFingerprintOfCertificate(cert)).toMatch(/^[0-9a-f]{64}$/);
  });
});
