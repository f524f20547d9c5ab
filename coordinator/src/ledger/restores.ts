import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import type { LedgerBody, LedgerHead } from "@consilium/shared/ledger/entry";
import { exportLines, readExport, type VerifiedExport } from "@consilium/shared/ledger/exported";
import { filterEntries } from "@consilium/shared/ledger/filter";
import { acceptedRestore, chargesIn, chargesToRecover, holdsHead, notCounted } from "@consilium/shared/ledger/recovery";
import { headKey, headOf, type RestoreAccepted } from "@consilium/shared/ledger/state";
import { partsOf, type ToldPart, ToldParts } from "@consilium/shared/ledger/told";
import { type Bucket, fullBucket, type Rate, takeToken } from "@consilium/shared/protocol/rate";
import type { Ready } from "@consilium/shared/protocol/ready";
import { activeSite } from "@consilium/shared/protocol/roster";
import type { SiteName } from "@consilium/shared/units/identity";
import type { StudyWorld } from "../study/world.ts";

/** How often one site is told our ledger: each telling reads all of it. */
const TELLINGS: Rate = { perSecond: 1 / 30, burst: 8 };

/** What keeps our ledger and a connected site's from joining. */
interface Apart {
  /** Head of the site's own that we have in our chain and it lost. */
  readonly yours: LedgerHead | null;
  /** Head of ours that the site holds and we lost. */
  readonly ours: LedgerHead | null;
  /** The site's ledger, once it was told in full; every entry verified. */
  readonly told: VerifiedExport | null;
}

/** What a site still waits for, in words for people. */
export interface Waiting {
  readonly site: SiteName;
  readonly what: string;
  readonly remedy: string;
}

export interface Acceptance {
  readonly accepted: readonly RestoreAccepted[];
  readonly waiting: readonly Waiting[];
}

export type RestoresOptions = Pick<StudyWorld, "ledger" | "logger" | "roster"> & {
  readonly send: StudyWorld["link"]["send"];
  readonly now: () => Date;
  /** The ledgers join again: whatever the site missed is told. */
  readonly onJoined: (site: SiteName) => void;
};

/**
 * Ledgers that were put back from an older copy, ours or a site's. Until both sides' operators accepted that, the site
 * takes part in nothing. Meanwhile it tells its ledger, and whatever acted there counts as spent here: the union of
 * both ledgers' charges, never fewer.
 */
export class Restores {
  readonly #options: RestoresOptions;
  readonly #apart = new Map<SiteName, Apart>();
  /** Ledgers that we asked for, as far as they were told. */
  readonly #coming = new Map<SiteName, ToldParts>();
  readonly #telling = new Set<SiteName>();
  readonly #wanted = new Map<SiteName, Bucket>();

  constructor(options: RestoresOptions) {
    this.#options = options;
  }

  isApart(site: SiteName): boolean {
    return this.#apart.has(site);
  }

  /** A site's link begins, and says where both ledgers stand for it. */
  stands(site: SiteName, { own, held, forgone }: Pick<Ready, "own" | "held" | "forgone">): void {
    const { ledger, logger } = this.#options;
    const seen = ledger.witnessed(site);
    const isForgone = seen !== undefined && forgone !== undefined && headKey(seen) === headKey(forgone);
    const isOther = seen?.sequence === own.head.sequence && headKey(seen) !== headKey(own.head);
    const isBehind = seen !== undefined && (own.head.sequence < seen.sequence || isOther);
    // What it lacked at an earlier link no number shows once it grew: only its whole ledger does.
    const before = this.#apart.get(site)?.yours ?? null;
    const isUntold = before !== null && headKey(before) !== headKey(own.head);
    const yours = seen !== undefined && (isBehind || isForgone || isUntold) ? seen : null;
    const lost = ledger.siteHolds(site, held?.head ?? null);
    if (lost !== null) logger.error(lost.code.replace("/", "-"), { site, holds: held?.head.sequence ?? 0 });
    if (isBehind) logger.warn("ledger-site-behind", { site, sequence: own.head.sequence, known: seen.sequence });
    this.#coming.delete(site);
    this.#note(site, { yours, ours: this.#lostOf(held?.head ?? null), told: null });
  }

  /** A site finds, by what we show, that its own ledger lost or rewrote a head that we have. */
  siteForked(site: SiteName): void {
    const yours = this.#options.ledger.witnessed(site);
    if (yours === undefined || this.isApart(site)) return;
    this.#note(site, { yours, ours: null, told: null });
    this.begin(site);
  }

  /** Tells a connected site what keeps it out, and asks for its ledger. */
  begin(site: SiteName): void {
    if (!this.isApart(site)) return;
    this.#coming.set(site, new ToldParts());
    this.#tellStanding(site);
    this.#watch(site, this.#options.send(site, { type: "ledger-wanted" }));
  }

  /** What keeps a site out by now, or that the ledgers join. */
  #tellStanding(site: SiteName): void {
    const { send, onJoined } = this.#options;
    const { yours = null, ours = null } = this.#apart.get(site) ?? {};
    this.#watch(site, send(site, { type: "ledgers-differ", yours, ours }));
    if (!this.isApart(site)) onJoined(site);
  }

  /** A part of the ledger that we asked for; with the last one its charges are taken over. */
  told(site: SiteName, part: Omit<ToldPart, "bytes">, bytes: Uint8Array | undefined): void {
    const text = this.#coming.get(site)?.add(part, bytes);
    if (text === undefined) throw notAsked(site);
    if (text === null) return;
    this.#coming.delete(site);
    const { ledger, logger, roster } = this.#options;
    const key = activeSite(roster().roster, site)?.identityKey;
    const apart = this.#apart.get(site);
    if (key === undefined || apart === undefined) throw notAsked(site);
    const seen = ledger.witnessed(site);
    const told = readExport(text, key);
    if (told.state === null || told.header.head.writer !== site) throw notWhole(site);
    // What was sanitized a site tells by itself, each charge signed, so that it can be told back: never unsigned.
    const taken = chargesToRecover(ledger.state(), { ...told.state, sanitizings: new Map() }, site);
    // With their head, so that a site that loses them later is found to have.
    const yours = seen === undefined || holdsHead(told.state, seen) ? null : seen;
    const isNewer = yours === null && told.header.head.sequence > (seen?.sequence ?? -1);
    ledger.append([...taken, ...(isNewer ? [witnessBody(told)] : [])]);
    logger.info("ledger-charges-taken", { site, charges: taken.length });
    this.#note(site, { ...apart, yours, told });
    // Put back and grown past what we saw, or its newest copy is back: no number tells that, only the whole ledger.
    if (yours !== apart.yours) this.#tellStanding(site);
  }

  /** Tells a site that is apart what our ledger says of it, each entry proved under our signed head. */
  wanted(site: SiteName): void {
    if (!this.isApart(site) || this.#telling.has(site)) throw notAsked(site);
    this.#requireSeldom(site);
    this.#telling.add(site);
    const telling = this.#tell(site).finally(() => this.#telling.delete(site));
    this.#watch(site, telling);
  }

  /** Rounds go on meanwhile: a long ledger is read a page at a time, up to the head that is told. */
  async #tell(site: SiteName): Promise<void> {
    const { ledger, send } = this.#options;
    const header = { ...ledger.head(), countersigned: [], roster: null };
    const entries = await ledger.read(header.head.sequence);
    const concerned = new Set(filterEntries(entries, { site }));
    // Two sites may hold one and the same lost head: it is accepted once, for both.
    const told = entries.filter((entry) => concerned.has(entry) || entry.body.kind === "restore-accepted");
    const text = exportLines(header, entries, told).join("\n");
    await Promise.all(partsOf(text).map(({ bytes, ...part }) => send(site, { type: "ledger-told", ...part }, bytes)));
  }

  /** An operator who tries again is told again; whoever asks all the time is not. */
  #requireSeldom(site: SiteName): void {
    const nowMs = this.#options.now().getTime();
    const left = takeToken(this.#wanted.get(site) ?? fullBucket(TELLINGS, nowMs), TELLINGS, nowMs);
    if (left === undefined) throw tooOften(site);
    this.#wanted.set(site, left);
  }

  /** What keeps each connected site out, and what to do about it. */
  waiting(): readonly Waiting[] {
    return [...this.#apart].map(([site, apart]) => ({ site, ...this.#reasonOf(site, apart) }));
  }

  /**
   * The operator goes on from the ledgers as they are: an entry for each head that is lost, naming it and the one that
   * stands now. Sites that must do something first stay out, and are named.
   */
  accept(by: string, reason: string): Acceptance {
    if (this.#apart.size === 0) throw nothingToAccept();
    const accepted = [...this.#apart].flatMap(([site, apart]) => this.#acceptOf(site, apart, { by, reason }));
    const waiting = this.waiting();
    const [first] = waiting;
    if (accepted.length > 0 || first === undefined) return { accepted, waiting };
    throw new Failure({ code: "restore/waiting", kind: "refused", what: first.what, remedy: first.remedy });
  }

  #acceptOf(site: SiteName, apart: Apart, why: Pick<RestoreAccepted, "by" | "reason">): RestoreAccepted[] {
    const { ledger, logger } = this.#options;
    const { told, ours, yours } = apart;
    if (told === null) return [];
    const bodies: RestoreAccepted[] = [];
    if (ours !== null && ledger.lost().has(site)) {
      const body = { kind: "restore-accepted", site, lost: ours, accepted: headOf(ledger.state()), ...why } as const;
      ledger.append([body]);
      ledger.siteHolds(site, ours);
      bodies.push(body);
    }
    if (yours !== null && this.#lacksOf(site, told, yours) === null) {
      const body = { kind: "restore-accepted", site, lost: yours, accepted: told.header.head, ...why } as const;
      ledger.append([body, witnessBody(told)]);
      bodies.push(body);
    }
    const isYoursOver = yours === null || bodies.some(({ lost }) => lost === yours);
    this.#note(site, { ...apart, yours: isYoursOver ? null : yours });
    for (const { lost } of bodies) logger.info("restore-accepted", { site, writer: lost.writer, entry: lost.sequence });
    if (bodies.length === 0) return bodies;
    if (this.isApart(site)) this.begin(site);
    else this.#tellStanding(site);
    return bodies;
  }

  #note(site: SiteName, apart: Apart): void {
    if (apart.yours === null && apart.ours === null) this.#apart.delete(site);
    else this.#apart.set(site, apart);
  }

  #lostOf(held: LedgerHead | null): LedgerHead | null {
    return held === null || holdsHead(this.#options.ledger.state(), held) ? null : held;
  }

  #reasonOf(site: SiteName, { ours, yours, told }: Apart): Omit<Waiting, "site"> {
    const lost = this.#options.ledger.lost().get(site);
    if (told === null) {
      const what = lost?.message ?? `${site}'s ledger and ours don't join: one was restored from an older copy.`;
      return { what, remedy: `Wait until ${site} told its ledger, or look into its agent's log.` };
    }
    if (lost !== undefined) {
      return {
        what: `${lost.message} What acted at ${site} is spent here by now.`,
        remedy:
          "Put the newest copy back, or go on from this one: consilium budget accept-restore --reason TEXT " +
          "(docs/budgets.md, After a restore).",
      };
    }
    const lacks = yours === null ? null : this.#lacksOf(site, told, yours);
    if (lacks !== null) return { what: lacks, remedy: `At ${site}: ${AT_SITE}` };
    if (ours !== null) {
      return { what: `${site} has not accepted our restored ledger yet.`, remedy: `At ${site}: ${AT_SITE}` };
    }
    return {
      what: `${site} goes on from an older copy of its ledger; all that we know of is spent there again.`,
      remedy: "Accept that here too: consilium budget accept-restore --reason TEXT",
    };
  }

  /** What a site that was restored has still to do; null where it counts all that we do and said that it goes on. */
  #lacksOf(site: SiteName, { entries }: VerifiedExport, yours: LedgerHead): string | null {
    const missing = notCounted(chargesIn(site, entries), this.#options.ledger.state(), site).length;
    const isAccepted = acceptedRestore(entries, yours) !== undefined;
    if (missing === 0 && isAccepted) return null;
    return isAccepted
      ? `${site} accepted the loss of its entry ${yours.sequence}, but lacks ${missing} charges that count here.`
      : `${site}'s ledger was restored from an older copy: it lacks entry ${yours.sequence} and ${missing} charges.`;
  }

  #watch(site: SiteName, sending: Promise<unknown>): void {
    sending.catch((error: unknown) => {
      this.#options.logger.warn("restore-not-told", { site, code: toRefusal(error).code });
    });
  }
}

const AT_SITE = "put the newest copy of its data folder back, or consilium-site budget accept-restore --reason TEXT";

function witnessBody({ header: { head, signature } }: VerifiedExport): LedgerBody {
  return { kind: "head-witnessed", head, signature };
}

function tooOften(site: SiteName): Failure {
  return new Failure({
    code: "restore/too-often",
    kind: "refused",
    what: `${site} asked for our ledger too often.`,
    remedy: "Wait half a minute, then try again.",
    fields: { site },
  });
}

function notAsked(site: SiteName): Failure {
  return new Failure({
    code: "restore/not-asked",
    kind: "refused",
    what: `Nothing about ledgers is asked of ${site}, or told to it, now.`,
    remedy: "Begin the link anew: a ledger that doesn't join is asked for then.",
    fields: { site },
  });
}

function notWhole(site: SiteName): Failure {
  return new Failure({
    code: "restore/not-whole",
    kind: "refused",
    what: `What ${site} told is not its own whole ledger.`,
    remedy: "Look into the site's version and its log.",
    fields: { site },
  });
}

function nothingToAccept(): Failure {
  return new Failure({
    code: "restore/nothing-to-accept",
    kind: "usage",
    what: "No connected site's ledger and ours stand apart: there is nothing to accept.",
    remedy: "If ours was restored, wait until every site is connected, then look: consilium budget verify",
  });
}
