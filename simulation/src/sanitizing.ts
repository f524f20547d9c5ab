/** A simulated site's data set, sanitized by the site's own command: charged, signed, written beside its manifest. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { DataContract } from "@consilium/shared/study/contract";
import type { DatasetId } from "@consilium/shared/units/identity";
import type { CommandContext } from "@consilium/site-agent/command/context";
import { sanitizeData } from "@consilium/site-agent/command/sanitize";
import { paidFile, sanitizedPatients } from "@consilium/site-agent/command/sanitizedSource";
import { labelRuleOf, ownOptions } from "@consilium/site-agent/command/sanitizeMethod";
import { configText } from "@consilium/site-agent/config";
import type { PreparedSanitized } from "@consilium/site-agent/contract/preparedPatients";
import { answer } from "@consilium/site-agent/control/answer";
import type { Site } from "@consilium/site-agent/control/site";
import { listen } from "@consilium/site-agent/control/socket";
import { type SealedKey, sealKey } from "@consilium/site-agent/steward/sealedKey";
import { writeAuthority, writeSecrets, writeStewardKey } from "@consilium/site-agent/storage/keys";
import { type SanitizeRule, sanitizedEnding } from "./sanitizeRule.ts";

export interface SanitizingSite {
  readonly site: Site;
  readonly dataset: DatasetId;
  readonly identitySeed: Uint8Array;
  /** Seeds of the two stewards that decide here; both are needed where something leaves without a figure. */
  readonly stewards: readonly [Steward, Steward];
  readonly random: RandomSource;
}

export interface Steward {
  readonly name: string;
  readonly seed: Uint8Array;
}

export interface SanitizedFile {
  readonly charge: ChargeId;
  readonly patients: PreparedSanitized;
}

/**
 * Runs `consilium-site sanitize` on the site's data set and reads its training patients back. `schema`: the study's
 * file, whose public ranges the method scales by.
 */
export async function sanitizedBy(
  on: SanitizingSite,
  rule: SanitizeRule,
  { schema, contract }: { readonly schema: string; readonly contract: DataContract },
): Promise<SanitizedFile> {
  const { site, dataset } = on;
  const place = await mkdtemp(join(tmpdir(), "consilium-simulation-"));
  // A socket's path may have some hundred letters: that of a run's folder can be longer.
  const folder = { ...site.folder, socket: join(place, "agent.sock") };
  const password = Buffer.from(on.random.bytes(24)).toString("base64url");
  const passwordFile = join(place, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  await writeKeys(on, password);
  const control = await listen(folder.socket, async (request) => {
    // What the running agent alone can do; no command that is run here asks for it.
    if (request.ask === "status" || request.ask === "stop" || request.ask === "accept-restore") return null;
    return answer(site, request);
  });
  const context = contextOf(folder);
  const [first, second] = on.stewards;
  const out = join(folder.path, `sanitized.${sanitizedEnding(contract)}`);
  try {
    const { method, epsilon, labels, ...own } = rule;
    await sanitizeData(context, {
      ...ownOptions(method, epsilon, own),
      ...{ input: dataset, out, schema, labels: labelRuleOf(labels), records: undefined, isDryRun: false },
      roles: { labelColumn: undefined, patientColumn: undefined, splitColumn: undefined },
      steward: { as: first.name, passwordFile, isSure: true },
      second: { as: second.name, passwordFile, isSure: true },
    });
    const paid = await paidFile(context, out, { site: site.config.name, dataset });
    const { patients } = await sanitizedPatients(context, paid, contract);
    return { charge: paid.charge, patients };
  } finally {
    await new Promise((resolve) => control.close(resolve));
    await rm(place, { recursive: true, force: true });
  }
}

async function writeKeys({ site, stewards, identitySeed, random }: SanitizingSite, password: string): Promise<void> {
  const { folder, config, keys } = site;
  const [first, second] = await Promise.all(
    stewards.map(({ name, seed }): Promise<SealedKey> => sealKey(name, seed, password, random)),
  );
  if (first === undefined || second === undefined) return;
  await writeSecrets(folder, { identitySeed, splitKey: keys.splitKey }, first);
  await writeStewardKey(folder, second);
  await writeAuthority(folder, "none: a simulation has no certificates");
  await writeFile(folder.config, configText(config));
}

function contextOf(folder: CommandContext["folder"]): CommandContext {
  return {
    folder,
    environment: {},
    output: { isJson: true, result: () => undefined, say: () => undefined },
    terminal: { input: process.stdin, output: process.stderr },
  };
}
