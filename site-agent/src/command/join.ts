import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { createEnrolmentRequest, type EnrolmentToken, parseToken } from "@consilium/certs/enrolment";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { fingerprintWords } from "@consilium/certs/fingerprint";
import { createCertificateRequest } from "@consilium/certs/request";
import { Failure } from "@consilium/shared/failure/failure";
import { newSeed, type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR, type PublicKey } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { configText, readConfig } from "../config.ts";
import { EngineSettings } from "../engine/settings.ts";
import { readPassword } from "../steward/password.ts";
import { sealKey } from "../steward/sealedKey.ts";
import { type DataFolder, dataFolder, isJoined, makeFolders } from "../storage/folder.ts";
import { newSecrets, readKeys, requireIssued, writeAuthority, writeSecrets, writeTls } from "../storage/keys.ts";
import { siteMigrations } from "../storage/migrations.ts";
import { Records } from "../storage/records.ts";
import { type CommandContext, stewardOf } from "./context.ts";
import { enrol } from "./enrol.ts";

export interface JoinOptions {
  readonly token: string;
  readonly steward: string | undefined;
  readonly passwordFile: string | undefined;
}

/** Joins the consortium that the token names; a site that joined before gets a new certificate for its old keys. */
export async function join(context: CommandContext, options: JoinOptions): Promise<void> {
  const token = parseToken(options.token);
  const { folder, output } = context;
  const isKnown = await isJoined(folder);
  const joined = isKnown ? await joinAgain(context, token, options) : await joinFirst(context, token, options);
  const { identityKey, stewardKey, coordinatorKey } = joined;
  const words = {
    site: fingerprintWords(token.site, [identityKey, stewardKey]),
    coordinator: fingerprintWords(COORDINATOR, [coordinatorKey]),
  };
  output.result({ site: token.site, folder: folder.path, identityKey, stewardKey, coordinatorKey, words }, [
    `Joined as ${token.site}. Read these words to the lead by telephone, once:`,
    `  this site    ${words.site}`,
    `  coordinator  ${words.coordinator}`,
    `Next: consilium-site data register NAME PATH --data ${folder.path}`,
  ]);
}

/** A new site's own rule until somebody changes it: below this, one round of a full sample is worth ε in the tens. */
const NOISE_MULTIPLIER_MIN = 0.5;

interface Joined {
  readonly identityKey: PublicKey;
  readonly stewardKey: PublicKey;
  readonly coordinatorKey: PublicKey;
}

/** Everything is made beside the data folder and takes its place by one rename: after a failure nothing is there. */
async function joinFirst(context: CommandContext, token: EnrolmentToken, options: JoinOptions): Promise<Joined> {
  const { folder, terminal } = context;
  await requireVacant(folder);
  if (options.steward === undefined) throw noSteward();
  const password = await readPassword(`New password of steward ${options.steward}: `, options.passwordFile, terminal);
  const stewardSeed = newSeed(operatingSystemRandom);
  const secrets = newSecrets(operatingSystemRandom);
  const sealed = await sealKey(options.steward, stewardSeed, password, operatingSystemRandom);
  await mkdir(dirname(folder.path), { recursive: true });
  const draft = dataFolder(`${folder.path}.joining-${process.pid}`);
  try {
    await makeFolders(draft);
    await writeSecrets(draft, secrets, sealed);
    const identity = signerOf(secrets.identitySeed);
    const coordinatorKey = await enrolWith(draft, token, identity, signerOf(stewardSeed));
    await makeDatabase(draft, options.steward, sealed.publicKey);
    const text = configText({
      apiVersion: "consilium/v1",
      kind: "Site",
      name: token.site,
      coordinator: { url: token.agentsUrl, key: coordinatorKey },
      allow: { minNoiseMultiplier: NOISE_MULTIPLIER_MIN },
      engine: EngineSettings.parse({}),
      telemetry: { logs: { level: "info" } },
    });
    await writeFileAtomically(draft.config, text, PUBLIC_FILE_MODE);
    await rename(draft.path, folder.path);
    return { identityKey: identity.publicKey, stewardKey: sealed.publicKey, coordinatorKey };
  } finally {
    await rm(draft.path, { recursive: true, force: true });
  }
}

/** After a certificate's end or a revocation that was lifted: the same keys, the same ledger, a new certificate. */
async function joinAgain(context: CommandContext, token: EnrolmentToken, options: JoinOptions): Promise<Joined> {
  const { folder, environment } = context;
  const config = await readConfig(folder.config, environment);
  if (config.name !== token.site) throw otherSite(config.name);
  const { identity } = await readKeys(folder);
  const { signer } = await stewardOf(context, { passwordFile: options.passwordFile, isSure: true }, "");
  const coordinatorKey = await enrolWith(folder, token, identity, signer);
  if (coordinatorKey !== config.coordinator.key) throw otherCoordinator();
  return { identityKey: identity.publicKey, stewardKey: signer.publicKey, coordinatorKey };
}

async function enrolWith(
  folder: DataFolder,
  token: EnrolmentToken,
  identity: Signer,
  steward: Signer,
): Promise<PublicKey> {
  const { privateKey, csr } = await createCertificateRequest(token.site);
  const grant = await enrol(token, createEnrolmentRequest(token, csr, identity, steward));
  const tls = { certificate: grant.certificate, privateKey };
  requireIssued(tls, grant.ca);
  await writeTls(folder, tls);
  await writeAuthority(folder, grant.ca);
  return grant.coordinatorKey;
}

async function makeDatabase(folder: DataFolder, steward: string, publicKey: PublicKey): Promise<void> {
  const database = await openDatabase(folder.database, siteMigrations);
  new Records(database.connection).pinSteward({ name: steward, publicKey });
  // Leaves one file: the folder is about to be renamed.
  database.connection.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
}

/** A rename replaces an empty folder, and nothing else. */
async function requireVacant(folder: DataFolder): Promise<void> {
  const entries = await readdir(folder.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (entries.length === 0) return;
  throw new Failure({
    code: "config/folder-not-empty",
    kind: "usage",
    what: `${folder.path} holds other files already.`,
    remedy: "Name a folder that is empty or not there yet: consilium-site join TOKEN --data DIR",
  });
}

function noSteward(): Failure {
  return new Failure({
    code: "join/no-steward",
    kind: "usage",
    what: "A new site needs its steward's name: who approves studies and sets caps.",
    remedy: "consilium-site join TOKEN --data DIR --steward NAME",
  });
}

function otherSite(name: string): Failure {
  return new Failure({
    code: "join/other-site",
    kind: "usage",
    what: `This data folder is that of ${name}; the token admits another site.`,
    remedy: "Name another folder with --data, or ask the lead for a token for this site.",
  });
}

function otherCoordinator(): Failure {
  return new Failure({
    code: "join/other-coordinator",
    kind: "refused",
    what: "The coordinator that answered has another key than the one pinned when this site joined.",
    remedy: "Compare fingerprints with the lead by telephone before anything else.",
  });
}
