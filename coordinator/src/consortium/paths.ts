import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isThere } from "@consilium/certs/files";
import { CONFIG_FILE } from "../config.ts";

/** Where things lie in a coordinator's data folder. Keys and tokens are readable by their owner alone. */
export function dataPaths(folder: string) {
  return {
    config: join(folder, CONFIG_FILE),
    database: join(folder, "coordinator.db"),
    blobs: join(folder, "blobs"),
    weights: join(folder, "weights"),
    uploads: join(folder, "uploads"),
    releases: join(folder, "releases"),
    keys: join(folder, "keys"),
    identity: join(folder, "keys", "identity.seed"),
    authorityKey: join(folder, "keys", "ca.key"),
    authorityCertificate: join(folder, "keys", "ca.crt"),
    tlsKey: join(folder, "keys", "tls.key"),
    tlsCertificate: join(folder, "keys", "tls.crt"),
    /** The consortium's public key: what `consilium verify` needs. */
    publicKey: join(folder, "consortium.pub"),
    leadToken: join(folder, "lead.token"),
    ports: join(folder, "ports.json"),
    running: join(folder, "running.json"),
  } as const;
}
export type DataPaths = ReturnType<typeof dataPaths>;

/** Text of a file, or null where there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  return (await isThere(path)) ? readFile(path, "utf8") : null;
}
