/** One hospital of a simulated consortium: everything that `consilium-site` runs below its socket, in this process. */
import { copyFile } from "node:fs/promises";
import type { Backend } from "@consilium/engine/backend";
import { assert, type Failure, fromRefusal, toRefusal } from "@consilium/shared/failure/failure";
import type { CoordinatorMessage, ReplyBody, SiteMessage } from "@consilium/shared/protocol/messages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { newSeed, type Signer, signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, ApprovalStatement, Disclosure } from "@consilium/shared/study/approval";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Logger } from "@consilium/shared/system/logger";
import {
  DatasetId,
  type Digest,
  type PublicKey,
  type SiteName,
  type StudyName,
} from "@consilium/shared/units/identity";
import { decisionMessage } from "@consilium/site-agent/approval/proposals";
import { SiteConfig } from "@consilium/site-agent/config";
import { withCanaries } from "@consilium/site-agent/contract/canaries";
import { contentOf } from "@consilium/site-agent/contract/content";
import { writePrepared, writeSanitized } from "@consilium/site-agent/contract/preparedFile";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { takeMessage } from "@consilium/site-agent/control/messages";
import { openRounds } from "@consilium/site-agent/control/rounds";
import { type Site, siteOn } from "@consilium/site-agent/control/site";
import { Engine } from "@consilium/site-agent/engine/engine";
import { EngineSettings } from "@consilium/site-agent/engine/settings";
import { Restore } from "@consilium/site-agent/ledger/restore";
import { sanitizingMessages } from "@consilium/site-agent/ledger/sanitizings";
import { NoiseStore } from "@consilium/site-agent/noise/noiseStore";
import type { MonotonicClock, RoundLink } from "@consilium/site-agent/round/ports";
import type { Rounds } from "@consilium/site-agent/round/run";
import { WeightsFolder } from "@consilium/site-agent/round/weightsFolder";
import { decide } from "@consilium/site-agent/steward/decide";
import { Cap, type StewardAction, signDecision } from "@consilium/site-agent/steward/statement";
import { dataFolder, makeFolders, preparedFile, sanitizedFile } from "@consilium/site-agent/storage/folder";
import { siteMigrations } from "@consilium/site-agent/storage/migrations";
import { openDatabase } from "@consilium/storage/database";
import { patientsOfSite } from "./records.ts";
import { capFor, type SanitizeRule } from "./sanitizeRule.ts";
import { type SanitizedFile, sanitizedBy } from "./sanitizing.ts";

/** What a simulated site reaches of the coordinator, in place of the socket. */
export interface CoordinatorSide {
  readonly publicKey: PublicKey;
  send(site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined): Promise<ReplyBody>;
  /** The file that was offered as too large to ride in its message. */
  upload(site: SiteName, digest: Digest, path: string): Promise<void>;
  fileFor(site: SiteName, digest: Digest): Promise<string | undefined>;
}

export interface SimulatedSiteOptions {
  readonly name: SiteName;
  readonly folder: string;
  /** A table, or a data set's file, as `consilium-site data register` takes it. */
  readonly records: string;
  /** Splits patients into parts. */
  readonly splitKey: Uint8Array;
  /** What is done to the data set before the study is approved; `schema`: the study's file. */
  readonly sanitize?: { readonly rule: SanitizeRule; readonly schema: string };
  readonly coordinator: CoordinatorSide;
  readonly backend: Backend;
  /** Samples, noise and keys: the operating system's, unless a test wants the same again. */
  readonly random: RandomSource;
  readonly logger: Logger;
}

const STEWARD = "first steward";
const SECOND = "second steward";
const DATASET = DatasetId.parse("simulated");
/** A site's clock runs so many times faster than this machine's: a study's public times are waited for by nobody. */
const CLOCK_RATE = 1000;

/** Stopped, it calls nobody any more: the site's database is about to close. */
class HurriedClock implements MonotonicClock {
  readonly #timers = new Set<NodeJS.Timeout>();

  nowMs(): number {
    return performance.now() * CLOCK_RATE;
  }

  at(timeMs: number, call: () => void): () => void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        call();
      },
      Math.max(0, timeMs / CLOCK_RATE - performance.now()),
    );
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

interface Seeds {
  readonly identity: Uint8Array;
  readonly steward: Uint8Array;
  readonly second: Uint8Array;
}

export class SimulatedSite {
  readonly name: SiteName;
  readonly identity: Signer;
  readonly steward: Signer;
  readonly #seeds: Seeds;
  /** The patients that the study was approved on; null before. */
  patients: PreparedPatients | null = null;
  readonly #options: SimulatedSiteOptions;
  readonly #site: Site;
  readonly #rounds: Rounds;
  readonly #restore: Restore;
  readonly #noise: NoiseStore;
  readonly #link: RoundLink;
  readonly #clock = new HurriedClock();

  private constructor(options: SimulatedSiteOptions, site: Site, seeds: Seeds) {
    const { name, random, backend, logger } = options;
    this.name = name;
    this.identity = site.keys.identity;
    this.steward = signerOf(seeds.steward);
    this.#seeds = seeds;
    this.#options = options;
    this.#site = site;
    this.#link = linkTo(options);
    this.#noise = new NoiseStore(random);
    const settings = EngineSettings.parse({});
    const engine = new Engine({ backend, random, noise: this.#noise, workers: null, settings });
    const weights = new WeightsFolder({ folder: site.folder.weights, link: this.#link, logger });
    this.#rounds = openRounds(site, {
      // One computation at a time, as in an engine's process; here of all sites.
      engine: { request: inTurn((request) => engine.handle(request)) },
      ...{ weights, link: this.#link, logger, clock: this.#clock },
    });
    this.#restore = new Restore({ ...site, rounds: this.#rounds, link: this.#link, logger });
  }

  static async open(options: SimulatedSiteOptions): Promise<SimulatedSite> {
    const { name, random, records, splitKey } = options;
    const folder = dataFolder(options.folder);
    await makeFolders(folder);
    const seeds = { identity: newSeed(random), steward: newSeed(random), second: newSeed(random) };
    const config = SiteConfig.parse({
      ...{ apiVersion: "consilium/v1", kind: "Site", name, telemetry: { logs: { level: "error" } } },
      coordinator: { url: "https://simulation.invalid", key: options.coordinator.publicKey },
    });
    const keys = { identity: signerOf(seeds.identity), splitKey, ca: "" };
    const database = await openDatabase(folder.database, siteMigrations);
    const now = (): Date => new Date();
    const site = siteOn({ folder, config, keys, database, now });
    site.records.pinSteward({ name: STEWARD, publicKey: signerOf(seeds.steward).publicKey });
    const { digest, files } = await contentOf(records);
    site.records.registerDataset(
      { dataset: DATASET, path: records, content: digest, files: [...files] },
      now().toISOString(),
    );
    return new SimulatedSite(options, site, seeds);
  }

  /** As the agent's socket hands it on. */
  take(message: CoordinatorMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    const { logger } = this.#options;
    // Nobody signs here: a sweep asks for no signatures.
    const listeners = { rounds: this.#rounds, restore: this.#restore, logger, fetchReleases: () => undefined };
    return takeMessage(this.#site, listeners, message, attachment).catch(
      (error: unknown): ReplyBody => ({ type: "refused", refusal: toRefusal(error) }),
    );
  }

  /** What a steward does: a cap, the patients prepared, an approval signed and told. */
  async approve(document: StudyDocument, studyDigest: Digest): Promise<void> {
    const { sanitize } = this.#options;
    const cap = Cap.parse(capFor(document, sanitize?.rule));
    this.#decide({ action: "set-cap", dataset: DATASET, cap });
    const file = sanitize === undefined ? null : await this.#sanitize(sanitize.rule, sanitize.schema, document);
    this.patients = await this.#prepared(document);
    const { folder } = this.#site;
    writePrepared(preparedFile(folder, studyDigest, DATASET), this.patients);
    if (file !== null) writeSanitized(sanitizedFile(folder, studyDigest, DATASET, file.charge), file.patients);
    const approval = ApprovalStatement.parse({
      ...{ number: this.#number(), site: this.name, study: document.name, studyDigest, dataset: DATASET, cap },
      ...{ steward: STEWARD, disclosures: Disclosure.options },
      ...(file === null ? {} : { sanitized: file.charge }),
    });
    this.#decide({ action: "approve", approval, signature: signStatement(this.steward, APPROVAL_DOMAIN, approval) });
    await this.#tell(document.name);
  }

  /** Whether the study was proposed to this site. */
  knows(study: StudyName): boolean {
    return this.#site.records.proposal(study) !== null;
  }

  async close(): Promise<void> {
    this.#rounds.stop();
    await this.#rounds.settled();
    this.#clock.stop();
    await this.#noise.stop();
    this.#site.close();
  }

  /** What the coordinator refuses to take is a fault of the run: nothing else would ever be said of it. */
  async #tell(study: StudyName): Promise<void> {
    const { records } = this.#site;
    const proposal = records.proposal(study);
    const message = proposal === null ? null : decisionMessage(proposal);
    assert(proposal !== null && message !== null, "what was approved can be told");
    for (const one of [...sanitizingMessages(this.#site), message]) {
      const reply = await this.#link.send(one);
      if (reply.type === "refused") throw fromRefusal(reply.refusal);
    }
    records.markTold(proposal.digest);
  }

  #sanitize(rule: SanitizeRule, schema: string, { data: contract }: StudyDocument): Promise<SanitizedFile> {
    const { identity, steward, second } = this.#seeds;
    this.#decide({ action: "add-steward", name: SECOND, publicKey: signerOf(second).publicKey });
    const stewards = [
      { name: STEWARD, seed: steward },
      { name: SECOND, seed: second },
    ] as const;
    const { random } = this.#options;
    const on = { site: this.#site, dataset: DATASET, identitySeed: identity, stewards, random };
    return sanitizedBy(on, rule, { schema, contract });
  }

  #number(): number {
    return this.#site.records.lastStatementNumber() + 1;
  }

  #decide(decision: StewardAction): void {
    const statement = { site: this.name, steward: STEWARD, number: this.#number(), decision };
    decide(this.#site.decisions, signDecision(this.steward, statement));
    this.#site.book.forget();
  }

  async #prepared(document: StudyDocument): Promise<PreparedPatients> {
    const { records, random, splitKey } = this.#options;
    const patients = await patientsOfSite(document, this.name, { path: records, splitKey, random });
    const { data, audit } = document;
    return audit.canaries === undefined ? patients : withCanaries(patients, data, audit.canaries, random);
  }
}

function linkTo({ name, coordinator }: SimulatedSiteOptions): RoundLink {
  return {
    send: (message, attachment) => coordinator.send(name, message, attachment),
    upload: (path, { digest }) => coordinator.upload(name, digest, path),
    download: async (digest, _bytes, path) => {
      const source = await coordinator.fileFor(name, digest);
      if (source === undefined) throw notThere(digest);
      await copyFile(source, path);
    },
  };
}

/** What computes in this process is one for all its sites, and a request may switch it. */
let lastComputed: Promise<unknown> = Promise.resolve();

function inTurn<Request, Reply>(handle: (request: Request) => Promise<Reply>): (request: Request) => Promise<Reply> {
  return (request) => {
    const reply = lastComputed.then(() => handle(request));
    lastComputed = reply.catch(() => undefined);
    return reply;
  };
}

function notThere(digest: Digest): Failure {
  return fromRefusal({
    code: "transfer/unknown",
    kind: "refused",
    what: `The coordinator has no file ${digest}.`,
    remedy: "Nothing: the round is announced again.",
  });
}
