import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { revokeSite } from "@consilium/certs/revocation";
import { digestOf } from "@consilium/shared/encoding/digest";
import { BLOB_PATH, REFUSAL_HEADER, UPLOAD_OFFSET_HEADER, UPLOAD_PATH } from "@consilium/shared/protocol/transfer";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import type { Digest } from "@consilium/shared/units/identity";
import { asCharged } from "@consilium/site-agent/disclosure/outgoing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CuttingProxy } from "./cuttingProxy.ts";
import { Miniature, type MiniatureSite } from "./miniature.ts";

const MIB = 1024 * 1024;

let consortium: Miniature;
let basel: MiniatureSite;
let zurich: MiniatureSite;
let count = 0;

beforeAll(async () => {
  consortium = await Miniature.start();
  [basel, zurich] = [await consortium.enrol("basel"), await consortium.enrol("zurich")];
});

afterAll(async () => {
  expect(consortium.faults).toEqual([]);
  await consortium.stop();
});

interface TestFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

async function fileOf(length: number): Promise<TestFile> {
  count += 1;
  const bytes = random.bytes(length);
  const path = join(consortium.folder, `file-${count}`);
  await writeFile(path, bytes);
  return { path, bytes, digest: digestOf(bytes) };
}

interface Answer {
  readonly status: number | undefined;
  readonly refusal: string | string[] | undefined;
  readonly offset: number;
  readonly body: Buffer;
}

/** One HTTPS request by hand, under a site's certificate. */
function ask(
  member: MiniatureSite,
  method: string,
  path: string,
  headers = {},
  body = Buffer.alloc(0),
): Promise<Answer> {
  const { certificate, privateKey } = member.credentials;
  const tls = { ca: consortium.authority.certificate, cert: certificate, key: privateKey, agent: false } as const;
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, consortium.url), { method, headers, ...tls }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const offset = Number(response.headers[UPLOAD_OFFSET_HEADER]);
      resolve({
        status: response.statusCode,
        refusal: response.headers[REFUSAL_HEADER],
        offset,
        body: Buffer.concat(chunks),
      });
    });
    call.once("error", reject);
    call.end(body);
  });
}

function rangeOf(start: number, total: number): object {
  return { "content-range": `bytes ${start}-${total - 1}/${total}`, "content-length": total - start };
}

describe("[HND7] large bodies go over HTTPS, resumable, only as announced, used only when digest and length are right", () => {
  test("an expected upload arrives whole, under its digest", async () => {
    const file = await fileOf(3 * MIB + 17);
    const expected = consortium.server.expectUpload(basel.site, file.digest, file.bytes.length);
    const link = consortium.link(basel);
    await link.upload(file.path, asCharged({ digest: file.digest, bytes: file.bytes.length }));
    expect(digestOf(await readFile(await expected))).toBe(file.digest);
    // A site that never heard the answer asks again and is told so; nothing is written twice.
    await link.upload(file.path, asCharged({ digest: file.digest, bytes: file.bytes.length }));
    await link.close();
  });

  test("an upload that is announced only after it was tried arrives too", async () => {
    const file = await fileOf(1000);
    const link = consortium.link(basel);
    const done = link.upload(file.path, asCharged({ digest: file.digest, bytes: file.bytes.length }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const expected = consortium.server.expectUpload(basel.site, file.digest, file.bytes.length);
    await done;
    expect(digestOf(await readFile(await expected))).toBe(file.digest);
    await link.close();
  });

  test("an upload and a download go on where a cut connection left them", async () => {
    const file = await fileOf(12 * MIB);
    const proxy = await CuttingProxy.start(consortium.server.port, 4 * MIB);
    const link = consortium.link(basel, {}, undefined, proxy.url);
    const expected = consortium.server.expectUpload(basel.site, file.digest, file.bytes.length);
    await link.upload(file.path, asCharged({ digest: file.digest, bytes: file.bytes.length }));
    expect(digestOf(await readFile(await expected))).toBe(file.digest);
    const cutsUp = proxy.cuts;
    expect(cutsUp).toBeGreaterThanOrEqual(2);
    // Each byte crossed about once: what was there was not sent again.
    expect(proxy.bytes).toBeLessThan(17 * MIB);
    consortium.blobs.set(`basel/${file.digest}`, file.path);
    const target = join(consortium.folder, "fetched");
    await link.download(file.digest, file.bytes.length, target);
    expect(digestOf(await readFile(target))).toBe(file.digest);
    expect(proxy.cuts).toBeGreaterThanOrEqual(cutsUp + 2);
    expect(proxy.bytes).toBeLessThan(34 * MIB);
    await link.close();
    await proxy.stop();
  });

  test("HEAD tells how much is there; a PUT from elsewhere is refused and told where to go on", async () => {
    const file = await fileOf(5000);
    const path = UPLOAD_PATH + file.digest;
    const expected = consortium.server.expectUpload(basel.site, file.digest, 5000);
    expect((await ask(basel, "HEAD", path)).offset).toBe(0);
    const refused = await ask(basel, "PUT", path, rangeOf(1000, 5000), Buffer.from(file.bytes.subarray(1000)));
    expect(refused).toMatchObject({ status: 409, refusal: "transfer/offset-wrong", offset: 0 });
    expect((await ask(basel, "PUT", path, rangeOf(0, 5000), Buffer.from(file.bytes))).status).toBe(201);
    await expected;
  });

  test.each([
    { what: "one byte more than announced", announced: 999, sent: 1000, status: 413, refusal: "transfer/too-large" },
    { what: "one byte less than announced", announced: 1001, sent: 1000, status: 400, refusal: "transfer/malformed" },
  ])("$what: refused", async ({ announced, sent, status, refusal }) => {
    const file = await fileOf(sent);
    const expected = consortium.server.expectUpload(basel.site, file.digest, announced);
    const answer = await ask(basel, "PUT", UPLOAD_PATH + file.digest, rangeOf(0, sent), Buffer.from(file.bytes));
    expect(answer).toMatchObject({ status, refusal });
    expect(consortium.codesOf(basel.site)).toContain(refusal);
    await consortium.server.forgetUpload(basel.site, file.digest);
    await expect(expected).rejects.toMatchObject({ code: "transfer/not-expected" });
  });

  test("a length that the body doesn't have is refused before a byte is taken", async () => {
    const file = await fileOf(1000);
    const expected = consortium.server.expectUpload(basel.site, file.digest, 1000);
    const headers = { ...rangeOf(0, 1000), "content-length": 500 };
    const answer = await ask(basel, "PUT", UPLOAD_PATH + file.digest, headers, Buffer.alloc(500));
    expect(answer).toMatchObject({ status: 400, refusal: "transfer/malformed" });
    await consortium.server.forgetUpload(basel.site, file.digest);
    await expect(expected).rejects.toMatchObject({ code: "transfer/not-expected" });
  });

  test("bytes with another digest are refused and thrown away; the right ones may follow", async () => {
    const file = await fileOf(2 * MIB);
    const expected = consortium.server.expectUpload(basel.site, file.digest, file.bytes.length);
    const wrong = Buffer.from(file.bytes);
    wrong[MIB] = (wrong[MIB] ?? 0) ^ 1;
    const answer = await ask(basel, "PUT", UPLOAD_PATH + file.digest, rangeOf(0, wrong.length), wrong);
    expect(answer).toMatchObject({ status: 422, refusal: "transfer/digest-mismatch" });
    const link = consortium.link(basel);
    await link.upload(file.path, asCharged({ digest: file.digest, bytes: file.bytes.length }));
    expect(digestOf(await readFile(await expected))).toBe(file.digest);
    await link.close();
  });

  test("another site can't deliver what one site owes", async () => {
    const file = await fileOf(1000);
    const expected = consortium.server.expectUpload(basel.site, file.digest, 1000);
    const answer = await ask(zurich, "PUT", UPLOAD_PATH + file.digest, rangeOf(0, 1000), Buffer.from(file.bytes));
    expect(answer).toMatchObject({ status: 404, refusal: "transfer/not-expected" });
    expect(consortium.codesOf(zurich.site)).toContain("transfer/not-expected");
    const own = await ask(basel, "PUT", UPLOAD_PATH + file.digest, rangeOf(0, 1000), Buffer.from(file.bytes));
    expect(own.status).toBe(201);
    await expected;
  });

  test("a file that is not for this site is not there", async () => {
    const file = await fileOf(1000);
    consortium.blobs.set(`basel/${file.digest}`, file.path);
    expect((await ask(basel, "GET", BLOB_PATH + file.digest)).body.equals(file.bytes)).toBe(true);
    const answer = await ask(zurich, "GET", BLOB_PATH + file.digest);
    expect(answer).toMatchObject({ status: 404, refusal: "transfer/unknown-blob" });
  });

  test("a download with another digest or length is never seen at its place", async () => {
    const file = await fileOf(1000);
    const altered = await fileOf(1000);
    consortium.blobs.set(`basel/${file.digest}`, altered.path);
    const link = consortium.link(basel);
    const target = join(consortium.folder, "never");
    await expect(link.download(file.digest, 1000, target)).rejects.toMatchObject({ code: "transfer/digest-mismatch" });
    await expect(link.download(file.digest, 999, target)).rejects.toMatchObject({ code: "transfer/too-large" });
    await expect(readFile(target)).rejects.toThrow();
    await link.close();
  });

  test.each([
    ["GET", "/"],
    ["GET", "/transfer/blob/../../etc/passwd"],
    ["POST", `${UPLOAD_PATH}${digestOf("x")}`],
    ["GET", `${UPLOAD_PATH}${digestOf("x")}`],
    ["DELETE", `${BLOB_PATH}${digestOf("x")}`],
  ])("%s %s: refused", async (method, path) => {
    expect(await ask(basel, method, path)).toMatchObject({ status: 400, refusal: "transfer/malformed" });
  });

  test("a revoked site can neither send nor fetch", async () => {
    const file = await fileOf(1000);
    const before = consortium.denyList;
    consortium.blobs.set(`zurich/${file.digest}`, file.path);
    consortium.denyList = revokeSite(before, zurich.site);
    const answer = await ask(zurich, "GET", BLOB_PATH + file.digest);
    consortium.denyList = before;
    expect(answer).toMatchObject({ status: 403, refusal: "site/revoked" });
  });

  test("a site that owes too many uploads gets no more announced", async () => {
    const digests = Array.from({ length: 5 }, (_, index) => digestOf(`upload ${index}`));
    const announced = digests.map((digest) => consortium.server.expectUpload(zurich.site, digest, 10));
    await expect(announced[4]).rejects.toMatchObject({ code: "transfer/too-many" });
    for (const digest of digests) await consortium.server.forgetUpload(zurich.site, digest);
  });

  test("a restart of the coordinator forgets parts; nothing is left on its disk", async () => {
    const folder = join(consortium.folder, "uploads");
    await writeFile(join(folder, "leftover"), "part of a file");
    const { port } = consortium.server;
    await consortium.server.close();
    await consortium.startServer(port);
    expect(await readdir(folder)).toEqual([]);
    await rm(join(consortium.folder, "fetched"), { force: true });
  });
});
