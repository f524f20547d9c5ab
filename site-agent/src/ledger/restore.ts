import { Failure, fromRefusal, toRefusal } from "@consilium/shared/failure/failure";
import { type LedgerBody, LedgerHead } from "@consilium/shared/ledger/entry";
import { exportLines, readExport, type VerifiedExport } from "@consilium/shared/ledger/exported";
import {
  acceptedRestore,
  chargesIn,
  chargesToRecover,
  notCounted,
  tighterCaps,
} from "@consilium/shared/ledger/recovery";
import { headKey, headOf, type RestoreAccepted } from "@consilium/shared/ledger/state";
import { partsOf, type ToldPart, ToldParts } from "@consilium/shared/ledger/told";
import type { CoordinatorMessage, SignedHead } from "@consilium/shared/protocol/messages";
import { type Bucket, fullBucket, type Rate, takeToken } from "@consilium/shared/protocol/rate";
import type { Logger } from "@consilium/shared/system/logger";
import { COORDINATOR, DatasetId, type PublicKey, type SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { ledgerBytes, ledgerTold, ledgerWanted } from "../disclosure/outgoing.ts";
import type { Book } from "../round/book.ts";
import type { RoundLink } from "../round/ports.ts";
import type { SiteLedger } from "./store.ts";

type Differ = Extract<CoordinatorMessage, { type: "ledgers-differ" }>;
type Told = Extract<CoordinatorMessage, { type: "ledgers-differ" | "ledger-wanted" | "ledger-told" }>;

export interface RestoreOptions {
  readonly config: { readonly name: SiteName; readonly coordinator: { readonly key: PublicKey } };
  readonly ledger: SiteLedger;
  readonly book: Pick<Book, "goOn">;
  /** What this site holds of the coordinator's ledger, and how it comes to hold something else. */
  readonly rounds: { held(): SignedHead | null; goOn(head: SignedHead): void };
  readonly link: Pick<RoundLink, "send">;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** Whose word an acceptance is, and why. */
interface AcceptRequest extends Pick<RestoreAccepted, "by" | "reason"> {
  readonly isPreview: boolean;
}

/** What an acceptance did, or would do. */
export const Accepted = z.strictObject({
  /** A `restore-accepted` entry each. */
  accepted: z.array(z.strictObject({ lost: LedgerHead, accepted: LedgerHead })),
  /** Charges that this site's ledger had lost: spent from now on, as the coordinator counts them. */
  recovered: z.number().int().nonnegative(),
  /** Data sets on which some cap was set lower since the copy was made. */
  caps: z.array(DatasetId),
});
export type Accepted = z.infer<typeof Accepted>;

const ACCEPT = "consilium budget accept-restore --reason TEXT";
const ACCEPT_HERE = "consilium-site budget accept-restore --reason TEXT";

/** How long the coordinator may take to tell what it has of this site. */
const TELLING_TIMEOUT_MS = 60_000;

/** How often the coordinator is told this ledger: at each beginning of a link while the ledgers differ. */
const TELLINGS: Rate = { perSecond: 1 / 10, burst: 6 };

interface Fetching {
  readonly parts: ToldParts;
  readonly resolve: (text: string) => void;
}

/**
 * A ledger that was put back from an older copy, this site's or the coordinator's, as this site sees it: it takes part
 * in nothing until its operator accepted that. Then this ledger counts whatever either side knows to be spent here.
 */
export class Restore {
  readonly #options: RestoreOptions;
  #differ: Differ | null = null;
  #fetching: Fetching | null = null;
  #tellings: Bucket | null = null;

  constructor(options: RestoreOptions) {
    this.#options = options;
  }

  /** A link begins: whether the ledgers join is told anew. */
  forget(): void {
    this.#differ = null;
    this.#fetching = null;
  }

  onMessage(message: Told, attachment: Uint8Array | undefined): void {
    if (message.type === "ledger-wanted") this.#tell();
    else if (message.type === "ledger-told") this.#take(message, attachment);
    else this.#note(message);
  }

  #note(message: Differ): void {
    const { yours, ours } = message;
    if (yours === null && ours === null) {
      this.#differ = null;
      this.#options.logger.info("ledgers-join");
      return;
    }
    this.#differ = message;
    this.#options.logger.warn("ledgers-differ", { ours: yours?.sequence ?? 0, coordinators: ours?.sequence ?? 0 });
  }

  /** Tells the coordinator this whole ledger: charges, caps, heads and stewards' reasons; nothing of records. */
  #tell(): void {
    this.#requireSeldom();
    const { ledger, link, logger } = this.#options;
    const header = { ...ledger.head(), countersigned: [], roster: null };
    const text = exportLines(header, ledger.entries(), null).join("\n");
    for (const { bytes, ...part } of partsOf(text)) {
      link.send(ledgerTold(part.part, part.parts), ledgerBytes(bytes)).catch((error: unknown) => {
        logger.warn("ledger-not-told", { code: toRefusal(error).code });
      });
    }
  }

  /** Each telling reads the whole ledger, which rounds wait for. */
  #requireSeldom(): void {
    const nowMs = this.#options.now().getTime();
    const left = takeToken(this.#tellings ?? fullBucket(TELLINGS, nowMs), TELLINGS, nowMs);
    if (left === undefined) throw tooOften();
    this.#tellings = left;
  }

  #take(part: Omit<ToldPart, "bytes">, bytes: Uint8Array | undefined): void {
    const fetching = this.#fetching;
    if (fetching === null) throw notAsked();
    const text = fetching.parts.add(part, bytes);
    if (text !== null) fetching.resolve(text);
  }

  /** What keeps this site out, in words; null where nothing does. */
  apart(): { readonly what: string; readonly remedy: string } | null {
    if (this.#differ === null) return null;
    const { yours, ours } = this.#differ;
    const { state } = this.#options.ledger;
    if (ours === null && yours !== null && state.forgone.has(headKey(yours))) {
      return {
        what: "This site's ledger was restored from an older copy, which the coordinator's operator has yet to accept.",
        remedy: `At the coordinator: ${ACCEPT}. If it says that charges are lacking here, first: ${ACCEPT_HERE}`,
      };
    }
    const { sequence } = headOf(state);
    const lost =
      yours === null
        ? ""
        : `This site's ledger ends at entry ${sequence} and lacks what followed, up to entry ${yours.sequence} or beyond. `;
    const theirs =
      ours === null ? "" : `The coordinator's ledger lacks entry ${ours.sequence}, which this site holds. `;
    return {
      what: `${lost}${theirs}A ledger was restored from an older copy.`,
      remedy: `Have the newest copy put back; without one: ${ACCEPT_HERE} (docs/budgets.md, After a restore).`,
    };
  }

  /** The operator goes on from the ledgers as they are; one durable transaction, or nothing. A preview only tells. */
  async accept({ by, reason, isPreview }: AcceptRequest): Promise<Accepted> {
    const differ = this.#differ;
    if (differ === null) throw nothingToAccept();
    const told = readExport(await this.#theirLedger(), this.#options.config.coordinator.key);
    const { head, signature } = told.header;
    if (head.writer !== COORDINATOR) throw notTheirs();
    const { config, book, rounds } = this.#options;
    const site = config.name;
    const held = differ.ours === null ? null : (rounds.held()?.head ?? null);
    if (held !== null) this.#requireCounted(told, held);
    const own = differ.yours === null ? [] : this.#ownBodies(told, differ.yours, { by, reason });
    const theirs: RestoreAccepted[] =
      held === null ? [] : [{ kind: "restore-accepted", site, lost: held, accepted: head, by, reason }];
    if (own.length + theirs.length === 0) throw nothingToAccept();
    // With their head, so that a coordinator that later loses what was taken over here is found to have.
    const bodies: LedgerBody[] = [...own, ...theirs, { kind: "head-witnessed", head, signature }];
    if (isPreview) return summaryOf(bodies);
    book.goOn(bodies, { head, signature });
    rounds.goOn({ head, signature });
    this.#differ = null;
    return summaryOf(bodies);
  }

  /** First what is lost, while the head is the one that it names; then all that the coordinator counts. */
  #ownBodies({ entries }: VerifiedExport, lost: LedgerHead, why: Pick<RestoreAccepted, "by" | "reason">): LedgerBody[] {
    const { config, ledger } = this.#options;
    const site = config.name;
    const recovered = chargesToRecover(ledger.state, chargesIn(COORDINATOR, entries), site);
    // Accepted already: once more only where the coordinator has counted more since.
    if (recovered.length === 0 && ledger.state.forgone.has(headKey(lost))) return [];
    return [
      { kind: "restore-accepted", site, lost, accepted: headOf(ledger.state), ...why },
      ...recovered,
      ...tighterCaps(ledger.state, entries, site),
    ];
  }

  /** The coordinator's restored ledger counts all that acted here, and its operator said that it goes on. */
  #requireCounted({ entries }: VerifiedExport, held: LedgerHead): void {
    const { config, ledger } = this.#options;
    const site = config.name;
    if (acceptedRestore(entries, held) === undefined) throw notAcceptedThere(held);
    const missing = notCounted(chargesIn(COORDINATOR, entries), ledger.state, site);
    if (missing.length > 0) throw chargesMissing(missing.length);
  }

  async #theirLedger(): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const told = new Promise<string>((resolve, reject) => {
      timer = setTimeout(() => reject(notTold()), TELLING_TIMEOUT_MS);
      this.#fetching = { parts: new ToldParts(), resolve };
    });
    const asked = this.#options.link.send(ledgerWanted()).then((reply) => {
      if (reply.type === "refused") throw fromRefusal(reply.refusal);
    });
    try {
      const [text] = await Promise.all([told, asked]);
      return text;
    } finally {
      clearTimeout(timer);
      this.#fetching = null;
    }
  }
}

const CAP_KINDS: ReadonlySet<LedgerBody["kind"]> = new Set(["cap-set", "study-cap-set", "period-cap-set"]);

function summaryOf(bodies: readonly LedgerBody[]): Accepted {
  return {
    accepted: bodies.flatMap((body) =>
      body.kind === "restore-accepted" ? [{ lost: body.lost, accepted: body.accepted }] : [],
    ),
    recovered: bodies.filter(({ kind }) => kind === "recovered" || kind === "acting").length,
    caps: [...new Set(bodies.flatMap((body) => (CAP_KINDS.has(body.kind) && "dataset" in body ? [body.dataset] : [])))],
  };
}

function nothingToAccept(): Failure {
  return new Failure({
    code: "restore/nothing-to-accept",
    kind: "usage",
    what: "No link has shown that this site has to accept a restored ledger.",
    remedy: "See how the agent stands: consilium-site status",
  });
}

function notAcceptedThere({ sequence }: LedgerHead): Failure {
  return new Failure({
    code: "restore/not-accepted-there",
    kind: "refused",
    what: `The coordinator's ledger lacks entry ${sequence}, which this site holds, and its operator has not accepted that.`,
    remedy: `Have the coordinator's operator begin: ${ACCEPT}`,
    fields: { sequence },
  });
}

function chargesMissing(count: number): Failure {
  return new Failure({
    code: "restore/charges-missing",
    kind: "refused",
    what: `The coordinator's restored ledger doesn't count ${count} charges that acted here; nothing was accepted.`,
    remedy: "Begin the link anew, so that this site tells them again: consilium-site stop, then start.",
    fields: { count },
  });
}

function tooOften(): Failure {
  return new Failure({
    code: "restore/too-often",
    kind: "refused",
    what: "The coordinator asked for this site's ledger too often.",
    remedy: "Wait a quarter of a minute, then try again.",
  });
}

function notAsked(): Failure {
  return new Failure({
    code: "restore/not-asked",
    kind: "refused",
    what: "This site didn't ask for the coordinator's ledger.",
    remedy: "Look into the coordinator's version and its log.",
  });
}

function notTheirs(): Failure {
  return new Failure({
    code: "restore/not-theirs",
    kind: "refused",
    what: "What the coordinator told is not its own ledger; nothing was accepted.",
    remedy: "Compare fingerprints with the lead by telephone.",
  });
}

function notTold(): Failure {
  return new Failure({
    code: "restore/not-told",
    kind: "unreachable",
    what: `The coordinator didn't tell its ledger in ${TELLING_TIMEOUT_MS / 1000} s; nothing was accepted.`,
    remedy: "Check the link, then try again: consilium-site status",
  });
}
