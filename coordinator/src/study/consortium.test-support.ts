/** A consortium for tests: real database, ledger, files and signatures; sites that answer through a link in memory. */

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import {
  ATTEMPT_LOST_CODE,
  type CoordinatorMessage,
  type ReplyBody,
  type SiteMessage,
} from "@consilium/shared/protocol/messages";
import { EMPTY_ROSTER, signRoster, withSite } from "@consilium/shared/protocol/roster";
import { sbomOf } from "@consilium/shared/release/sbom";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { StudyDocument } from "@consilium/shared/study/document";
import { SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { ledgerBook } from "../ledger/ledgerBook.ts";
import { BlobFolder } from "../storage/blobFolder.ts";
import { coordinatorMigrations } from "../storage/migrations.ts";
import type { Sql } from "../storage/sql.ts";
import type { CoordinatorTables } from "../storage/tables.ts";
import { FakeSite } from "./fakeSite.test-support.ts";
import { Studies } from "./studies.ts";
import type { SiteLink, StudyWorld } from "./world.ts";

export const SITES = ["aachen", "basel", "como"].map((name) => SiteName.parse(name));
export const coordinatorSigner = signerOf(new Uint8Array(32).fill(1));

export interface StudyChanges {
  readonly rounds?: number;
  readonly epsilon?: number;
  readonly minSites?: number;
  readonly maxAttackAucUpper?: number;
  readonly answerMs?: number;
  readonly optimizer?: unknown;
  readonly clipping?: unknown;
  readonly earlyStop?: unknown;
  readonly heads?: "per-site";
  readonly normalisation?: unknown;
  /** Then the audit tries the attacks that need them too. */
  readonly references?: unknown;
}

export function smallStudy(changes: StudyChanges = {}): StudyDocument {
  const { rounds = 12, epsilon = 50, minSites = 2, maxAttackAucUpper = 0.9, answerMs = 5 } = changes;
  return StudyDocument.parse({
    apiVersion: "consilium/v1",
    kind: "Study",
    name: "heart",
    purpose: "Predict heart disease",
    data: {
      columns: [
        { name: "age", type: "number", min: 20, max: 90 },
        { name: "chol", type: "number", min: 80, max: 500 },
      ],
      label: { name: "disease", values: [0, 1] },
      ...(changes.references === undefined
        ? {}
        : { shares: { train: 0.5, validation: 0.1, audit: 0.2, reference: 0.2 } }),
    },
    model: { preset: "mlp", hidden: [3] },
    ...(changes.normalisation === undefined ? {} : { normalisation: changes.normalisation }),
    privacy: {
      epsilon,
      delta: 1e-4,
      clippingNorm: 1,
      clipping: changes.clipping,
      noiseMultiplier: 2,
      samplingRate: 0.2,
    },
    training: {
      rounds,
      answerAfterMs: answerMs,
      deadlineMs: 400,
      minSites,
      optimizer: changes.optimizer ?? { name: "sgd", learningRate: 0.5, momentum: 0.9 },
      ...(changes.earlyStop === undefined ? {} : { earlyStop: changes.earlyStop }),
      ...(changes.heads === undefined ? {} : { heads: changes.heads }),
      initialSeed: 7,
    },
    evaluation: { everyRounds: 5, metrics: ["auc", "accuracy"], epsilon: 1 },
    audit: {
      ...(changes.references === undefined
        ? { attacks: ["loss"] }
        : { attacks: ["loss", "relative-membership", "likelihood-ratio"], references: changes.references }),
      epsilon: { members: 2, nonMembers: 2 },
      bins: 10,
      gates: { maxAttackAucUpper },
    },
    release: {},
    sites: SITES.map((name) => ({ name, patients: 400 })),
  });
}

/** One coordinator's life on a data folder, with its sites; `crash` ends it as a SIGKILL would. */
export class Consortium {
  readonly folder: string;
  readonly sites: readonly FakeSite[];
  readonly studies: Studies;
  readonly world: StudyWorld;
  readonly store: LedgerStore;
  readonly #sql: Sql;
  #isAlive = true;

  private constructor(
    folder: string,
    sites: readonly FakeSite[],
    sql: Sql,
    folders: Pick<StudyWorld, "blobs" | "weights">,
  ) {
    this.folder = folder;
    this.sites = sites;
    this.#sql = sql;
    const now = (): Date => new Date();
    this.store = new LedgerStore(sql, { writer: "coordinator", signer: coordinatorSigner, now });
    const roster = sites.reduce(
      (known, { name: site, identity, steward }) =>
        withSite(known, { site, identityKey: identity.publicKey, stewardKey: steward.publicKey, state: "active" }),
      EMPTY_ROSTER,
    );
    const signedRoster = signRoster(roster, coordinatorSigner);
    this.world = {
      sql,
      ledger: ledgerBook(this.store, coordinatorSigner, () => new Date()),
      ...folders,
      link: this.#link(),
      clock: {
        now,
        after: (milliseconds, run) => {
          const timer = setTimeout(() => this.#isAlive && run(), milliseconds);
          return () => clearTimeout(timer);
        },
      },
      logger: {
        info: () => undefined,
        warn: () => undefined,
        error: (event, fields) => this.errors.push({ event, ...fields }),
      },
      signer: coordinatorSigner,
      roster: () => signedRoster,
      countersigned: new Map(),
      changed: () => undefined,
      gatherMs: 50,
      releasesFolder: join(folder, "releases"),
      softwareVersion: "0.0.0-test",
      sbom: sbomOf({ name: "test", version: "0.0.0-test", license: undefined, isOwn: true, runsWith: [] }, []),
    };
    this.studies = new Studies(this.world);
  }

  readonly errors: object[] = [];

  static async open(folder?: string, sites?: readonly FakeSite[]): Promise<Consortium> {
    const place = folder ?? (await mkdtemp(join(tmpdir(), "consilium-coordinator-")));
    const sql = await openDatabase<CoordinatorTables>(join(place, "coordinator.db"), coordinatorMigrations);
    const blobs = await BlobFolder.open(join(place, "blobs"));
    const weights = await BlobFolder.open(join(place, "weights"));
    const all = sites ?? SITES.map((name, index) => new FakeSite(name, index + 10));
    return new Consortium(place, all, sql, { blobs, weights });
  }

  site(index: number): FakeSite {
    const site = this.sites[index];
    if (site === undefined) throw new RangeError(`no site ${index}`);
    return site;
  }

  /** Proposes, approves at every site, starts. */
  async begin(document: StudyDocument, cap?: number): Promise<void> {
    const { digest } = this.studies.propose(document, { by: "lead", reason: "proposed" });
    for (const site of this.sites)
      await this.studies.onMessage(site.name, site.approval(document, digest, cap), undefined);
    await this.studies.start(document.name, { by: "lead", reason: "started" });
  }

  /** Waits until the study is in one of these states. */
  async until(study: string, ...states: readonly string[]): Promise<string> {
    for (let tries = 0; tries < 4000; tries++) {
      const { state } = this.studies.record(study).standing;
      if (states.includes(state)) return state;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { standing, reason } = this.studies.record(study);
    throw new Error(`study ${study} stays ${standing.state} (${reason}); ${JSON.stringify(this.errors)}`);
  }

  /** Nothing more happens in this life; what is durable stays. */
  async crash(): Promise<void> {
    this.#isAlive = false;
    await this.studies.freeze();
    this.#sql.close();
  }

  async reply(site: FakeSite, message: SiteMessage, attachment?: Uint8Array): Promise<ReplyBody> {
    if (!this.#isAlive) return { type: "refused", refusal: toRefusal(new Error("down")) };
    return this.studies
      .onMessage(site.name, message, attachment)
      .catch((error: unknown): ReplyBody => ({ type: "refused", refusal: toRefusal(error) }));
  }

  #link(): SiteLink {
    const find = (name: SiteName): FakeSite | undefined => this.sites.find((site) => site.name === name);
    return {
      isConnected: (name) => this.#isAlive && find(name) !== undefined && find(name)?.habit !== "away",
      send: async (name, message) => {
        const site = find(name);
        if (!this.#isAlive || site === undefined || site.habit === "away")
          throw new Failure({ code: "link/lost", kind: "unreachable", what: "gone", remedy: "none" });
        site.heard.push(message);
        this.#react(site, message);
        return { type: "accepted" };
      },
      expectUpload: () => new Promise(() => undefined),
      forgetUpload: async () => undefined,
    };
  }

  #react(site: FakeSite, message: CoordinatorMessage): void {
    if (message.type !== "round-announced" && message.type !== "contribution-wanted") return;
    if (site.habit === "silent") return;
    const key = message.type === "round-announced" ? message.round.key : message.key;
    const { document } = this.studies.record(key.study);
    setTimeout(() => {
      if (site.habit === "declines") {
        const refusal = { code: "policy/veto", kind: "refused", what: "no", remedy: "none" } as const;
        void this.reply(site, { type: "round-declined", key, refusal });
        return;
      }
      if (site.habit === "loses-first" && key.round === 1) {
        const refusal = { code: ATTEMPT_LOST_CODE, kind: "refused", what: "lost", remedy: "none" } as const;
        void this.reply(site, { type: "round-declined", key, refusal });
        return;
      }
      const { message: contribution, attachment } = site.contribution(document, key);
      void this.reply(site, contribution, attachment);
    }, document.training.answerAfterMs);
  }
}
