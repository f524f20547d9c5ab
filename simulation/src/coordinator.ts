/** The coordinator of a simulated consortium: everything that `consilium` runs below its sockets, in this process. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ledgerBook } from "@consilium/coordinator/ledger/ledgerBook";
import { takeSanitizings } from "@consilium/coordinator/ledger/sanitizings";
import { ModelLine } from "@consilium/coordinator/model/modelLine";
import { BlobFolder } from "@consilium/coordinator/storage/blobFolder";
import { coordinatorMigrations } from "@consilium/coordinator/storage/migrations";
import { latestModel, lineSinceCheckpoint } from "@consilium/coordinator/storage/models";
import type { CoordinatorTables } from "@consilium/coordinator/storage/tables";
import { ACCEPTED } from "@consilium/coordinator/study/contributions";
import { Studies } from "@consilium/coordinator/study/studies";
import type { StudyState } from "@consilium/coordinator/study/study";
import type { StudyWorld } from "@consilium/coordinator/study/world";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import type { ReplyBody, SiteMessage } from "@consilium/shared/protocol/messages";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { sbomOf } from "@consilium/shared/release/sbom";
import { newSeed, type Signer, signerOf } from "@consilium/shared/signing/ed25519";
import type { StudyDocument } from "@consilium/shared/study/document";
import { OWN_LINE } from "@consilium/shared/study/modelLines";
import type { Logger } from "@consilium/shared/system/logger";
import { COORDINATOR, type Digest, type SiteName, type StudyName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import type { CoordinatorSide, SimulatedSite } from "./site.ts";

export interface SimulatedCoordinatorOptions {
  readonly folder: string;
  readonly random: RandomSource;
  readonly logger: Logger;
  /** Of a coordinator that ran as a process, whose folder is looked into; else a new one. */
  readonly signer?: Signer;
  /** A round was committed, or the study moved. */
  readonly onProgress?: () => void;
}

/** Who started it and why, as the study's history has it. */
const MOTIVE = { by: "simulation", reason: "a simulated run" };

/** Nobody here signs for an auditor: a release that waits for signatures is where a simulation ends. */
const ENDED: readonly StudyState[] = ["signing", "released", "rejected", "aborted", "paused"];

/** Sites are all here: nobody waits for more of them. */
const GATHER_MS = 1;

export class SimulatedCoordinator {
  readonly world: StudyWorld;
  readonly #studies: Studies;
  readonly #sites = new Map<SiteName, SimulatedSite>();
  readonly #uploads: Uploads;
  readonly #close: () => void;
  #onChange: () => void = () => {};

  private constructor(world: Omit<StudyWorld, "link" | "roster" | "changed">, parts: Parts) {
    this.#uploads = parts.uploads;
    this.#close = parts.close;
    const signedRoster = () => this.#roster(world.signer);
    this.world = {
      ...world,
      roster: signedRoster,
      changed: () => {
        parts.onProgress();
        this.#onChange();
      },
      link: {
        isConnected: (site) => this.#sites.has(site),
        send: async (name, message, attachment) => {
          const site = this.#sites.get(name);
          if (site === undefined) throw away(name);
          // In a turn of its own, as over a socket: whoever sends goes on before the other side acts.
          await new Promise((resolve) => setImmediate(resolve));
          return site.take(message, attachment);
        },
        expectUpload: (_site, digest) => this.#uploads.expect(digest),
        forgetUpload: async (_site, digest) => this.#uploads.forget(digest),
      },
    };
    this.#studies = new Studies(this.world);
  }

  static async open(options: SimulatedCoordinatorOptions): Promise<SimulatedCoordinator> {
    const { folder, random, logger, onProgress = () => {} } = options;
    const uploads = new Uploads(join(folder, "uploads"));
    await mkdir(join(folder, "uploads"), { recursive: true });
    const sql = await openDatabase<CoordinatorTables>(join(folder, "coordinator.db"), coordinatorMigrations);
    const signer = options.signer ?? signerOf(newSeed(random));
    const now = (): Date => new Date();
    const store = new LedgerStore(sql, { writer: COORDINATOR, signer, now });
    const world = {
      sql,
      ledger: ledgerBook(store, signer, now),
      blobs: await BlobFolder.open(join(folder, "blobs")),
      weights: await BlobFolder.open(join(folder, "weights")),
      clock: { now, after },
      logger,
      signer,
      countersigned: new Map(),
      gatherMs: GATHER_MS,
      releasesFolder: join(folder, "releases"),
      softwareVersion: SOFTWARE_VERSION,
      sbom: sbomOf({ name: "consilium", version: SOFTWARE_VERSION, license: undefined, isOwn: true, runsWith: [] }, []),
    };
    return new SimulatedCoordinator(world, { uploads, onProgress, close: () => sql.close() });
  }

  /** What sites reach of it. */
  get side(): CoordinatorSide {
    return {
      publicKey: this.world.signer.publicKey,
      send: async (site, message, attachment) => {
        await new Promise((resolve) => setImmediate(resolve));
        return this.#take(site, message, attachment).catch((error: unknown) => ({
          type: "refused",
          refusal: toRefusal(error),
        }));
      },
      upload: (_site, digest, path) => this.#uploads.received(digest, path),
      fileFor: (site, digest) => this.#studies.fileFor(site, digest),
    };
  }

  join(site: SimulatedSite): void {
    this.#sites.set(site.name, site);
  }

  /** Proposes, has every site approve, trains, audits, and releases or refuses; resolves when the study ended. */
  async carryOut(document: StudyDocument, weights: Uint8Array | null): Promise<StudyState> {
    if (weights !== null) await this.world.weights.write([weights]);
    const { digest } = this.#studies.propose(document, MOTIVE);
    for (const site of this.#sites.values()) {
      await this.#heard(site, document.name);
      await site.approve(document, digest);
    }
    await this.#until(() => this.#studies.record(document.name).standing.state !== "proposed");
    await this.#studies.start(document.name, MOTIVE);
    await this.#until(() => ENDED.includes(this.#studies.record(document.name).standing.state));
    // What it still writes of its models is written.
    await this.#studies.freeze();
    return this.#studies.record(document.name).standing.state;
  }

  /** Why the study stands where it does. */
  reason(study: StudyName): string | null {
    return this.#studies.record(study).reason;
  }

  /** Rounds whose model is in the database. */
  modelsMade({ name }: StudyDocument): number {
    return latestModel(this.world.sql, name)?.version ?? 0;
  }

  /** The newest model, whether it was released or not; of a study that goes on, as of now. */
  async model(document: StudyDocument): Promise<ModelLine> {
    for (;;) {
      const rows = lineSinceCheckpoint(this.world.sql, { study: document.name, line: OWN_LINE });
      try {
        return await ModelLine.open(document, this.world, rows);
      } catch (error) {
        // A checkpoint that was made meanwhile takes the files of those before with it.
        if (this.modelsMade(document) === (rows.at(-1)?.version ?? 0)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#studies.freeze();
    this.#close();
  }

  async #take(site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined): Promise<ReplyBody> {
    if (message.type !== "sanitizings-told") return this.#studies.onMessage(site, message, attachment);
    takeSanitizings(this.world, site, message);
    return ACCEPTED;
  }

  /** Proposals are told without waiting for an answer. */
  async #heard(site: SimulatedSite, study: StudyName): Promise<void> {
    while (!site.knows(study)) await new Promise((resolve) => setImmediate(resolve));
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  #roster(signer: Signer) {
    const roster = [...this.#sites.values()].reduce(
      (known, { name: site, identity, steward }) =>
        withSite(known, { site, identityKey: identity.publicKey, stewardKey: steward.publicKey, state: "active" }),
      EMPTY_ROSTER,
    );
    return signRoster(roster, signer);
  }
}

interface Parts {
  readonly uploads: Uploads;
  readonly onProgress: () => void;
  readonly close: () => void;
}

/** Large contributions: a file that a site hands over, taken by the round that waits for it. */
class Uploads {
  readonly #folder: string;
  readonly #expected = new Map<Digest, (path: string) => void>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  expect(digest: Digest): Promise<string> {
    return new Promise((resolve) => this.#expected.set(digest, resolve));
  }

  forget(digest: Digest): void {
    this.#expected.delete(digest);
  }

  /** A copy: the site keeps its own until the round is closed. */
  async received(digest: Digest, source: string): Promise<void> {
    const path = join(this.#folder, digest);
    await copyFile(source, path);
    this.#expected.get(digest)?.(path);
    this.#expected.delete(digest);
  }
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

function away(site: SiteName): Failure {
  return new Failure({
    code: "simulation/no-site",
    kind: "fault",
    what: `The simulation has no site ${site}.`,
    remedy: "Name a file of records for each site of the study.",
  });
}
