/** A site that joined, to which the heart study was proposed; no agent runs, so commands open the database. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { studyDigest } from "@consilium/shared/study/digest";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { readStudyFile } from "@consilium/storage/studyFile";
import { configText } from "../config.ts";
import { EngineSettings } from "../engine/settings.ts";
import { sealKey } from "../steward/sealedKey.ts";
import { dataFolder, makeFolders } from "../storage/folder.ts";
import { newSecrets, writeAuthority, writeSecrets } from "../storage/keys.ts";
import { siteMigrations } from "../storage/migrations.ts";
import { Records } from "../storage/records.ts";
import { setCap } from "./budget.ts";
import type { CommandContext } from "./context.ts";
import { register } from "./datasets.ts";

const HEART = fileURLToPath(new URL("../../../shared/studies/heart/", import.meta.url));
export const PASSWORD = "correct horse battery";
export const { document: heartStudy } = readStudyFile(join(HEART, "study.yaml"));
export const heartDigest = studyDigest(heartStudy);
export const coordinator = signerOf(new Uint8Array(32).fill(3));

export interface JoinedSite {
  readonly root: string;
  /** The registered table. */
  readonly records: string;
  readonly context: CommandContext;
}

/** With the data set `heart` under a cap of 4; files `right` and `wrong` hold a password each. */
export async function joinedSite(output: CommandContext["output"]): Promise<JoinedSite> {
  const root = await mkdtemp(join(tmpdir(), "consilium-joined-"));
  const folder = dataFolder(join(root, "site"));
  await makeFolders(folder);
  const sealed = await sealKey("Dr. Bell", new Uint8Array(32).fill(5), PASSWORD, operatingSystemRandom);
  await writeSecrets(folder, newSecrets(operatingSystemRandom), sealed);
  await writeAuthority(folder, "not asked here");
  await writeFile(
    folder.config,
    configText({
      apiVersion: "consilium/v1",
      kind: "Site",
      name: SiteName.parse("cleveland"),
      coordinator: { url: "https://127.0.0.1:1", key: coordinator.publicKey },
      allow: {},
      engine: EngineSettings.parse({}),
      telemetry: { logs: { level: "info" } },
    }),
  );
  await inDatabase(root, (known) => {
    known.pinSteward({ name: "Dr. Bell", publicKey: sealed.publicKey });
    const signature = signStatement(coordinator, "any", heartStudy);
    known.insertProposal(heartStudy, heartDigest, signature, "2026-01-01T00:00:00Z");
  });
  await writeFile(join(root, "right"), PASSWORD, { mode: 0o600 });
  await writeFile(join(root, "wrong"), `${PASSWORD}!`, { mode: 0o600 });
  const terminal = { input: process.stdin, output: process.stderr };
  const context: CommandContext = { folder, environment: {}, output, terminal };
  const records = join(root, "cleveland.csv");
  await writeFile(records, await readFile(join(HEART, "data", "cleveland.csv")));
  await register(context, "heart", records);
  const steward = { passwordFile: join(root, "right"), isSure: true };
  await setCap(context, "heart", { epsilon: 4, delta: 1e-4, perStudy: undefined, steward });
  return { root, records, context };
}

export async function inDatabase(root: string, use: (records: Records) => void): Promise<void> {
  const database = await openDatabase(join(root, "site", "site.db"), siteMigrations);
  use(new Records(database.connection));
  database.close();
}
