import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isThere } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import type { DatasetId, Digest } from "@consilium/shared/units/identity";

/** Everything that a site agent keeps: one folder, readable by its own account alone. */
export interface DataFolder {
  readonly path: string;
  readonly config: string;
  readonly database: string;
  /** Identity seed, TLS key, certificates, the steward's sealed key. */
  readonly keys: string;
  /** Patients prepared for each study. */
  readonly prepared: string;
  /** Decoded pictures by data set; whatever is missing is decoded again. */
  readonly pictures: string;
  /** The last report of each data set, for this hospital's own page. */
  readonly reports: string;
  /** Packed contributions, each kept until its round is closed. */
  readonly outbox: string;
  readonly models: string;
  /** Weights that approved studies start from. */
  readonly weights: string;
  /** Releases that this site was asked to sign, each by its manifest's digest. */
  readonly releases: string;
  readonly socket: string;
}

export const FOLDER_MODE = 0o700;

export function dataFolder(path: string): DataFolder {
  const root = resolve(path);
  return {
    path: root,
    config: join(root, "site.yaml"),
    database: join(root, "site.db"),
    keys: join(root, "keys"),
    prepared: join(root, "prepared"),
    pictures: join(root, "pictures"),
    reports: join(root, "reports"),
    outbox: join(root, "outbox"),
    models: join(root, "models"),
    weights: join(root, "weights"),
    releases: join(root, "releases"),
    socket: join(root, "agent.sock"),
  };
}

export async function makeFolders(folder: DataFolder): Promise<void> {
  for (const path of [folder.path, folder.keys, folder.prepared, folder.outbox, folder.models, folder.weights]) {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  }
}

/** Patients of one study from one data set: only those of the data set that the steward approved are ever opened. */
export function preparedFile(folder: DataFolder, studyDigest: Digest, dataset: DatasetId): string {
  return join(folder.prepared, `${studyDigest}.${dataset}.patients`);
}

/** Sanitized training patients of one study, as one charge made them: those of another charge are another file. */
export function sanitizedFile(folder: DataFolder, studyDigest: Digest, dataset: DatasetId, charge: ChargeId): string {
  return join(folder.prepared, `${studyDigest}.${dataset}.${encodeURIComponent(charge)}.sanitized`);
}

/** Files of one release that waits for this site's word. */
export function releaseFolder(folder: DataFolder, manifest: Digest): string {
  return join(folder.releases, manifest);
}

/** Whether a site joined here: `site.yaml` is written last. A folder of another account is a failure, not absence. */
export function isJoined(folder: DataFolder): Promise<boolean> {
  return isThere(folder.config);
}

/** Refuses a folder in which no site has joined, with the command that makes one. */
export async function requireJoined(folder: DataFolder): Promise<void> {
  if (await isJoined(folder)) return;
  throw new Failure({
    code: "config/no-site",
    kind: "config",
    what: `${folder.path} holds no site: there is no site.yaml.`,
    remedy: "Ask the consortium's lead for a token, then: consilium-site join TOKEN --data DIR",
  });
}
