import { assert, Failure } from "@consilium/shared/failure/failure";
import { today } from "@consilium/shared/ledger/capFilter";
import type { ChargeId, LedgerBody, LedgerHead } from "@consilium/shared/ledger/entry";
import { checkHoldsHead } from "@consilium/shared/ledger/recovery";
import type { LedgerState } from "@consilium/shared/ledger/state";
import {
  LEDGER_HEAD_DOMAIN,
  type RoundKey,
  type RoundPurpose,
  type SignedHead,
} from "@consilium/shared/protocol/messages";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import { chargeId, type PlannedCharge, plannedCharges } from "@consilium/shared/study/charges";
import { modelNumbersOf } from "@consilium/shared/study/siteHeads";
import type { SiteName, StudyName } from "@consilium/shared/units/identity";
import { type ChargedContent, type PublicRefusal, publicPartOf } from "../disclosure/outgoing.ts";
import { requireAffordable } from "../ledger/affordable.ts";
import type { SiteLedger } from "../ledger/store.ts";
import type { Attempts } from "../storage/attempts.ts";
import type { Records } from "../storage/records.ts";
import type { StudyStanding } from "./announcement.ts";
import type { Flushed, RoundBook } from "./ports.ts";
import type { DurableAttempt } from "./round.ts";

export interface BookOptions {
  readonly site: SiteName;
  readonly identity: Signer;
  readonly ledger: SiteLedger;
  readonly attempts: Attempts;
  readonly records: Records;
  readonly now: () => Date;
  /** The contribution in an attempt's file, where one was persisted. */
  readonly persisted: (key: RoundKey) => ChargedContent | null;
}

/** An attempt's end, on this side or by the coordinator's word. */
interface End {
  readonly key: RoundKey;
  readonly content: ChargedContent | null;
  readonly closing?: {
    readonly outcome: "committed" | "abandoned";
    readonly witness: readonly LedgerBody[];
    readonly shown: SignedHead;
  };
}

/** Rounds in the ledger and the database beside it, each step one transaction. */
export class Book implements RoundBook {
  readonly #options: BookOptions;
  readonly #known = new Map<StudyName, StudyStanding | null>();
  /** Newest head that the coordinator showed at a booking or an end. */
  #shown: SignedHead | null;
  #unwritten: End[] = [];
  /** Written since the last `flush` told of it. */
  #written: End[] = [];

  constructor(options: BookOptions) {
    this.#options = options;
    this.#shown = options.attempts.countersigned();
  }

  /** A steward decided, or a study came: what was known of standings is read again. */
  forget(): void {
    this.#known.clear();
  }

  standing(study: StudyName): StudyStanding | null {
    return this.#study(study);
  }

  countersigned(): SignedHead | null {
    return this.#shown;
  }

  resume(study: StudyName, purpose: RoundPurpose): { newest: DurableAttempt | null; committedRound: number | null } {
    const { attempts, persisted } = this.#options;
    const { newest, committedRound } = attempts.resume(study, purpose);
    if (newest?.state !== "acting") return { newest, committedRound };
    const content = persisted(newest.key);
    return { newest: content === null ? newest : { state: "computed", key: newest.key, content }, committedRound };
  }

  book(key: RoundKey, charges: readonly PlannedCharge[], shown: SignedHead): void {
    const { attempts, site, now } = this.#options;
    const study = this.#study(key.study);
    if (study?.dataset == null || study.state !== "approved" || study.frozen !== null) throw notApproved(key.study);
    const { dataset, document } = study;
    const named = charges.map(({ part, event }) => ({ charge: chargeId(key, site, part), part, event }));
    const { study: name, round, attempt } = key;
    const isNewer = shown.head.sequence >= (this.#shown?.head.sequence ?? 0);
    const bodies = [
      ...(isNewer ? this.#witness(shown) : []),
      ...named.map(({ charge, part, event }): LedgerBody => {
        return { kind: "reserved", charge, site, dataset, part, study: name, round, attempt, event };
      }),
      ...named.map(({ charge }): LedgerBody => ({ kind: "acting", charge })),
    ];
    const check = (state: LedgerState): void =>
      requireAffordable(state, { site, document, dataset }, charges, today(state, now()));
    this.#write(bodies, check, () => {
      attempts.insertActing(key);
      if (isNewer) attempts.setCountersigned(shown);
    });
    if (isNewer) this.#shown = shown;
  }

  /** Both operators go on from a restored ledger: entries that say so, and the coordinator's head as it is now. */
  goOn(bodies: readonly LedgerBody[], shown: SignedHead): void {
    this.#write(
      bodies,
      () => {},
      () => this.#options.attempts.setCountersigned(shown),
    );
    this.#shown = shown;
    this.forget();
  }

  end(key: RoundKey, content: ChargedContent | null): void {
    this.#unwritten.push({ key, content });
  }

  closed(key: RoundKey, outcome: "committed" | "abandoned", shown: SignedHead): void {
    this.#unwritten.push({ key, content: null, closing: { outcome, witness: this.#witness(shown), shown } });
    this.#shown = shown;
  }

  flush(): Flushed {
    if (this.#unwritten.length > 0)
      this.#write(
        [],
        () => {},
        () => {},
      );
    const written = this.#written;
    this.#written = [];
    const newest = written.findLast(({ closing }) => closing !== undefined);
    return { ended: written.map(({ key }) => key), countersigned: newest === undefined ? null : this.#sign(newest) };
  }

  ownRefusal(shown: LedgerHead): PublicRefusal | null {
    try {
      checkHoldsHead(this.#options.ledger.state, shown);
      return null;
    } catch (error) {
      if (error instanceof Failure) return publicPartOf(error);
      throw error;
    }
  }

  head(): SignedHead {
    return this.#options.ledger.head();
  }

  /** Entries and rows in one transaction, what ended since the last one first; nothing changes where it throws. */
  #write(bodies: readonly LedgerBody[], check: (state: LedgerState) => void, also: () => void): void {
    const { ledger, attempts } = this.#options;
    const ends = this.#unwritten;
    ledger.append([...ends.flatMap((end) => this.#bodiesOf(end)), ...bodies], check, () => {
      for (const { key, closing } of ends) {
        if (closing === undefined) attempts.setOver(key);
        else attempts.setClosed(key, closing.outcome === "committed");
        if (closing !== undefined) attempts.setCountersigned(closing.shown);
      }
      also();
    });
    this.#unwritten = [];
    this.#written.push(...ends);
  }

  #bodiesOf({ key, content, closing }: End): readonly LedgerBody[] {
    if (closing !== undefined) return closing.witness;
    if (content === null) return [];
    const { charges } = this.#options.ledger.state;
    return this.#charges(key)
      .filter((charge) => charges.get(charge)?.state === "acting")
      .map((charge) => ({ kind: "committed", charge, result: content.digest }));
  }

  #sign({ key, closing }: End): Flushed["countersigned"] {
    if (closing === undefined) return null;
    const { head } = closing.shown;
    return { key, head: { head, signature: signStatement(this.#options.identity, LEDGER_HEAD_DOMAIN, head) } };
  }

  /** Nothing when this very head is in the ledger already. */
  #witness({ head, signature }: SignedHead): readonly LedgerBody[] {
    return this.#shown?.head.hash === head.hash ? [] : [{ kind: "head-witnessed", head, signature }];
  }

  #charges(key: RoundKey): ChargeId[] {
    const study = this.#study(key.study);
    assert(study !== null, "an attempt under way has its study");
    return study.charges[key.purpose].map(({ part }) => chargeId(key, this.#options.site, part));
  }

  #study(study: StudyName): StudyStanding | null {
    const known = this.#known.get(study);
    if (known !== undefined) return known;
    const standing = this.#read(study);
    this.#known.set(study, standing);
    return standing;
  }

  #read(study: StudyName): StudyStanding | null {
    const { records } = this.#options;
    const proposal = records.proposal(study);
    if (proposal === null) return null;
    const { document, digest, state, dataset, approval } = proposal;
    const sanitized = approval?.statement.sanitized;
    const isOnFrozen = dataset !== null && (records.dataset(dataset)?.frozen ?? true);
    const frozen = isOnFrozen ? "dataset" : proposal.frozen ? "study" : null;
    const charges = {
      normalise: plannedCharges(document, "normalise"),
      reference: plannedCharges(document, "reference"),
      train: plannedCharges(document, "train"),
      evaluate: plannedCharges(document, "evaluate"),
      shadow: plannedCharges(document, "shadow"),
      choose: plannedCharges(document, "choose"),
      audit: plannedCharges(document, "audit"),
    };
    const parameterCount = modelNumbersOf(document);
    return { document, digest, state, dataset, sanitized, frozen, charges, parameterCount };
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
