import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, createAuthority, type Issuing, issueServerCertificate } from "@consilium/certs/authority";
import { PUBLIC_FILE_MODE, readSecretFile, SECRET_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { renewalDue, validityOf } from "@consilium/certs/renewal";
import { createCertificateRequest } from "@consilium/certs/request";
import { Failure } from "@consilium/shared/failure/failure";
import { newSeed, type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { stringify } from "yaml";
import type { CoordinatorConfig } from "../config.ts";
import { type DataPaths, dataPaths, readIfThere } from "./paths.ts";

export interface CoordinatorKeys {
  readonly signer: Signer;
  readonly authority: Authority;
}

/** TLS of both listeners. PEM. */
export interface ServerTls {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

/** Makes a new data folder with fresh keys; refuses one that holds anything. */
export async function initDataFolder(folder: string, config: CoordinatorConfig, issuing: Issuing): Promise<Signer> {
  await refuseUnlessEmpty(folder);
  const paths = dataPaths(folder);
  await mkdir(paths.keys, { recursive: true, mode: 0o700 });
  const seed = newSeed(issuing.random);
  const signer = signerOf(seed);
  const authority = await createAuthority(config.consortium, issuing);
  await writeFileAtomically(paths.identity, `${Buffer.from(seed).toString("base64")}\n`, SECRET_FILE_MODE);
  await writeFileAtomically(paths.authorityKey, authority.privateKey, SECRET_FILE_MODE);
  await writeFileAtomically(paths.authorityCertificate, authority.certificate, PUBLIC_FILE_MODE);
  await writeFileAtomically(paths.publicKey, `${signer.publicKey}\n`, PUBLIC_FILE_MODE);
  // Last: a folder with a configuration is a whole one.
  await writeFileAtomically(paths.config, stringify(config), PUBLIC_FILE_MODE);
  return signer;
}

export async function readKeys(paths: DataPaths): Promise<CoordinatorKeys> {
  const seed = Buffer.from(await readSecretFile(paths.identity), "base64");
  const authority = {
    certificate: await readFile(paths.authorityCertificate, "utf8"),
    privateKey: await readSecretFile(paths.authorityKey),
  };
  return { signer: signerOf(seed), authority };
}

/** The listeners' certificate: the one on disk, or a new one where it is due, missing, or for other names. */
export async function serverTls(
  paths: DataPaths,
  authority: Authority,
  hosts: readonly string[],
  issuing: Issuing,
): Promise<ServerTls> {
  const known = await readTls(paths);
  if (known !== null && (await isUsable(paths, known.certificate, hosts, issuing.now))) {
    return { ...known, ca: authority.certificate };
  }
  const request = await createCertificateRequest("coordinator");
  const certificate = await issueServerCertificate(authority, request.csr, hosts, issuing);
  await writeFileAtomically(paths.tlsKey, request.privateKey, SECRET_FILE_MODE);
  await writeFileAtomically(paths.tlsCertificate, certificate, PUBLIC_FILE_MODE);
  await writeFileAtomically(hostsFile(paths), hosts.join("\n"), PUBLIC_FILE_MODE);
  return { key: request.privateKey, certificate, ca: authority.certificate };
}

async function isUsable(paths: DataPaths, certificate: string, hosts: readonly string[], now: Date): Promise<boolean> {
  const { notBefore, notAfter } = validityOf(certificate);
  const named = await readIfThere(hostsFile(paths));
  return named === hosts.join("\n") && !renewalDue(notBefore, notAfter, 0, now);
}

async function readTls(paths: DataPaths): Promise<{ key: string; certificate: string } | null> {
  const certificate = await readIfThere(paths.tlsCertificate);
  return certificate === null ? null : { certificate, key: await readSecretFile(paths.tlsKey) };
}

function hostsFile(paths: DataPaths): string {
  return join(paths.keys, "tls.hosts");
}

async function refuseUnlessEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length === 0) return;
  throw new Failure({
    code: "coordinator/folder-not-empty",
    kind: "usage",
    what: `${folder} is not empty.`,
    remedy: "Name a new folder with --data, or start the coordinator that lives there.",
  });
}
