/** Rounds as both sides book them, of a consortium of ten sites. */
import { PrivacyEvent } from "@consilium/shared/event/event";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import type { RoundKey } from "@consilium/shared/protocol/messages";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { chargeId } from "@consilium/shared/study/charges";
import { DatasetId, Digest, PartyName, SiteName, StudyName } from "@consilium/shared/units/identity";
import { type Database, openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";

export const DELTA = 1e-5;
export const SITES: readonly SiteName[] = Array.from({ length: 10 }, (_, site) => SiteName.parse(`site-${site}`));
export const DATASET = DatasetId.parse("clinic");
export const PART = "train";

const WRITER = PartyName.parse("coordinator");
const STUDY = StudyName.parse("heart");
const RESULT = Digest.parse("ab".repeat(32));
/** No secret: what it signs is thrown away. */
const SIGNER = signerOf(new Uint8Array(32).fill(5));

/** Sites sign their heads themselves: that is no work of this ledger's. */
const SHOWN = SIGNER.sign("a head");

/** So little noise is drawn nowhere: 10⁶ charges stay under the cap. Its sampler is as far from ideal as ours are. */
const EVENT = PrivacyEvent.parse({
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: 0.001,
  noiseMultiplier: 2,
  count: 1,
  samplerDistance: { maxLogRatio: 1e-14, totalVariation: 1e-17 },
});

export interface OpenLedger {
  readonly database: Database;
  readonly store: LedgerStore;
}

/** As a coordinator opens its own: every commit is fsynced, every entry there is read. */
export async function openLedger(path: string): Promise<OpenLedger> {
  const database = await openDatabase(path, {});
  return { database, store: new LedgerStore(database, { writer: WRITER, signer: SIGNER, now: () => new Date() }) };
}

export function capBodies(): LedgerBody[] {
  return SITES.map((site) =>
    LedgerBody.parse({ kind: "cap-set", site, dataset: DATASET, epsilon: 1000, delta: DELTA, statement: RESULT }),
  );
}

/** What must be durable before a sample is drawn. */
export function announced(round: number, sites: readonly SiteName[]): LedgerBody[] {
  const key = keyOf(round);
  const charges = sites.map((site) => ({ site, charge: chargeId(key, site, PART) }));
  const { study, attempt } = key;
  const of = { study, round, attempt, dataset: DATASET, part: PART, event: EVENT } as const;
  return [
    ...charges.map((charge): LedgerBody => ({ kind: "reserved", ...of, ...charge })),
    ...charges.map(({ charge }): LedgerBody => ({ kind: "acting", charge })),
  ];
}

/** What is booked with a round's result: every site's charge, and the head of its ledger that it showed. */
export function closed(round: number, sites: readonly SiteName[]): LedgerBody[] {
  const key = keyOf(round);
  const witnessed = sites.map((site): LedgerBody => {
    const head = { writer: site, sequence: round, hash: RESULT, root: RESULT };
    return { kind: "head-witnessed", head, signature: SHOWN };
  });
  return [
    ...sites.map((site): LedgerBody => ({ kind: "committed", charge: chargeId(key, site, PART), result: RESULT })),
    ...witnessed,
  ];
}

function keyOf(round: number): RoundKey {
  return { study: STUDY, purpose: "train", round, attempt: 1 };
}
