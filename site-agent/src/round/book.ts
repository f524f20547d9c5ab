import { assert, Failure } from "@consilium/shared/failure/failure";
import type { ChargeId, LedgerBody, LedgerHead } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";
import {
  type BlobReference,
  LEDGER_HEAD_DOMAIN,
  type RoundKey,
  type RoundPurpose,
  type SignedHead,
} from "@consilium/shared/protocol/messages";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import { chargeId, type PlannedCharge, plannedCharges } from "@consilium/shared/study/charges";
import { gridOfStudy } from "@consilium/shared/study/network";
import type { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";
import { requireAffordable } from "../ledger/affordable.ts";
import type { SiteLedger } from "../ledger/store.ts";
import type { Attempts } from "../storage/attempts.ts";
import type { Records } from "../storage/records.ts";
import type { StudyStanding } from "./announcement.ts";
import type { RoundBook } from "./ports.ts";
import type { DurableAttempt } from "./round.ts";

export interface BookOptions {
  readonly site: SiteName;
  readonly identity: Signer;
  readonly ledger: SiteLedger;
  readonly attempts: Attempts;
  readonly records: Records;
}

interface KnownStudy extends StudyStanding {
  /** Data set that the steward gave it; null before. */
  readonly dataset: DatasetId | null;
}

/** Rounds in the ledger and the database beside it, each step one transaction. */
export class Book implements RoundBook {
  readonly #options: BookOptions;
  readonly #known = new Map<StudyName, KnownStudy | null>();

  constructor(options: BookOptions) {
    this.#options = options;
  }

  /** A steward decided, or a study came: what was known of standings is read again. */
  forget(): void {
    this.#known.clear();
  }

  standing(study: StudyName): StudyStanding | null {
    return this.#study(study);
  }

  countersigned(): LedgerHead | null {
    return this.#options.attempts.countersigned()?.head ?? null;
  }

  resume(study: StudyName, purpose: RoundPurpose): { newest: DurableAttempt | null; committedRound: number | null } {
    return this.#options.attempts.resume(study, purpose);
  }

  book(key: RoundKey, charges: readonly PlannedCharge[], shown: SignedHead): void {
    const { ledger, attempts, site } = this.#options;
    const study = this.#study(key.study);
    if (study?.dataset == null || study.state !== "approved" || study.frozen) throw notApproved(key.study);
    const { dataset, document } = study;
    const named = charges.map(({ part, event }) => ({ charge: chargeId(key, site, part), part, event }));
    const { study: name, round, attempt } = key;
    const bodies: LedgerBody[] = [
      ...this.#witness(shown),
      ...named.map(
        ({ charge, part, event }) =>
          ({ kind: "reserved", charge, site, dataset, part, study: name, round, attempt, event }) as const,
      ),
      ...named.map(({ charge }) => ({ kind: "acting", charge }) as const),
    ];
    const check = (state: LedgerState): void => requireAffordable(state, { site, document, dataset }, charges);
    ledger.append(bodies, check, () => {
      attempts.insertActing(key);
      attempts.setCountersigned(shown);
    });
  }

  computed(key: RoundKey, content: BlobReference): void {
    this.#options.attempts.setComputed(key, content);
  }

  acknowledged(key: RoundKey, content: BlobReference): void {
    const { ledger, attempts } = this.#options;
    const bodies = this.#charges(key)
      .filter((charge) => ledger.state.charges.get(charge)?.state === "acting")
      .map((charge) => ({ kind: "committed", charge, result: content.digest }) as const);
    ledger.append(
      bodies,
      () => {},
      () => attempts.setAcknowledged(key, content),
    );
  }

  over(key: RoundKey): void {
    this.#options.attempts.setOver(key);
  }

  closed(key: RoundKey, outcome: "committed" | "abandoned", shown: SignedHead): SignedHead {
    const { ledger, attempts, identity } = this.#options;
    ledger.append(
      this.#witness(shown),
      () => {},
      () => {
        attempts.setClosed(key, outcome === "committed");
        attempts.setCountersigned(shown);
      },
    );
    return { head: shown.head, signature: signStatement(identity, LEDGER_HEAD_DOMAIN, shown.head) };
  }

  head(): SignedHead {
    return this.#options.ledger.head();
  }

  /** Nothing when this very head is in the ledger already. */
  #witness({ head, signature }: SignedHead): LedgerBody[] {
    const known = this.countersigned();
    return known?.hash === head.hash ? [] : [{ kind: "head-witnessed", head, signature }];
  }

  #charges(key: RoundKey): ChargeId[] {
    const study = this.#study(key.study);
    assert(study !== null, "an attempt under way has its study");
    return study.charges[key.purpose].map(({ part }) => chargeId(key, this.#options.site, part));
  }

  #study(study: StudyName): KnownStudy | null {
    const known = this.#known.get(study);
    if (known !== undefined) return known;
    const standing = this.#read(study);
    this.#known.set(study, standing);
    return standing;
  }

  #read(study: StudyName): KnownStudy | null {
    const { records } = this.#options;
    const proposal = records.proposal(study);
    if (proposal === null) return null;
    const { document, digest, state, dataset } = proposal;
    const frozen = dataset !== null && (records.dataset(dataset)?.frozen ?? true);
    const charges = {
      train: plannedCharges(document, "train"),
      evaluate: plannedCharges(document, "evaluate"),
      audit: plannedCharges(document, "audit"),
    };
    return { document, digest, state, dataset, frozen, charges, parameterCount: gridOfStudy(document).dimension };
  }
}

function notApproved(study: StudyName): Failure {
  return new Failure({
    code: "study/not-approved",
    kind: "refused",
    what: `This site's steward does not let study ${study} act now.`,
    remedy: "Ask this site's steward.",
  });
}
