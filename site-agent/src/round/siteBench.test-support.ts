/** A site with real ledger, database, decisions and rounds; engine, link and clock are the test's. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure, type Refusal } from "@consilium/shared/failure/failure";
import type { ConsistencyProof } from "@consilium/shared/ledger/entry";
import { bytesOf, MerkleTree } from "@consilium/shared/ledger/merkle";
import {
  type CoordinatorMessage,
  LEDGER_HEAD_DOMAIN,
  type ReplyBody,
  type RoundKey,
  type SignedHead,
  type SiteMessage,
  STUDY_PROPOSAL_DOMAIN,
} from "@consilium/shared/protocol/messages";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, Disclosure } from "@consilium/shared/study/approval";
import { plannedCharges } from "@consilium/shared/study/charges";
import { studyDigest } from "@consilium/shared/study/digest";
import { gridOfStudy } from "@consilium/shared/study/network";
import { COORDINATOR, DatasetId, type Digest, SiteName } from "@consilium/shared/units/identity";
import { type Database, openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import type { Policy } from "../approval/policy.ts";
import type { EngineReply, EngineRequest } from "../engine/message.ts";
import { SiteLedger } from "../ledger/store.ts";
import { heartStudy } from "../ledger/study.test-support.ts";
import { decide } from "../steward/decide.ts";
import { Cap, type StewardAction, signDecision } from "../steward/statement.ts";
import { Attempts } from "../storage/attempts.ts";
import { siteMigrations } from "../storage/migrations.ts";
import { Records } from "../storage/records.ts";
import { Book } from "./book.ts";
import { persistedContribution } from "./contribute.ts";
import { ModelSource } from "./modelSource.ts";
import { Rounds } from "./run.ts";

export const site = SiteName.parse("basel");
export const dataset = DatasetId.parse("clinic");
export const document = heartStudy();
export const digest = studyDigest(document);
export const identity = signerOf(new Uint8Array(32).fill(1));
export const steward = signerOf(new Uint8Array(32).fill(2));
export const coordinator = signerOf(new Uint8Array(32).fill(3));

type Announced = Extract<CoordinatorMessage, { type: "round-announced" }>;
interface Sent {
  readonly message: SiteMessage;
  readonly attachment: Uint8Array | undefined;
}

/** What lives on while the site crashes: the world around it. */
export class World {
  readonly folder: string;
  readonly sent: Sent[] = [];
  readonly logged: string[] = [];
  readonly requests: EngineRequest[] = [];
  isEngineDown = false;
  /** The engine can't open the study on the records that are there. */
  isDataUnfit = false;
  isLinkDown = false;
  /** What the coordinator says to every message; null: it accepts. */
  refusal: Refusal | null = null;
  steps = 0;
  /** A step ends only after this. */
  hold: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  contributions(): readonly Sent[] {
    return this.sent.filter(({ message }) => message.type === "contribution");
  }

  refusals(): readonly string[] {
    return this.sent.flatMap(({ message }) => (message.type === "round-declined" ? [message.refusal.code] : []));
  }

  send = async (message: SiteMessage, attachment?: Uint8Array): Promise<ReplyBody> => {
    if (this.isLinkDown) throw new Failure({ code: "link/lost", kind: "unreachable", what: "down", remedy: "wait" });
    this.sent.push({ message, attachment });
    return this.refusal === null ? { type: "accepted" } : { type: "refused", refusal: this.refusal };
  };

  /** A different contribution at each step, as with fresh samples and noise. */
  engine = async (request: EngineRequest): Promise<EngineReply> => {
    this.requests.push(request);
    const refusal = { code: "engine/memory", kind: "fault", what: "batch of 93", remedy: "-" } as const;
    if (request.type === "open" && this.isDataUnfit) return { type: "failed", refusal };
    if (request.type !== "step") return { type: "done" };
    if (this.isEngineDown) return { type: "failed", refusal };
    await this.hold;
    this.steps += 1;
    const bytes = Buffer.from(`contribution ${this.steps}`);
    await writeFile(request.path, bytes);
    const events = plannedCharges(document, "train").map(({ event }) => event);
    return { type: "written", digest: digestOf(bytes), bytes: bytes.length, events };
  };
}

/** One life of the site's process. */
export class SiteBench {
  readonly world: World;
  readonly database: Database;
  readonly ledger: SiteLedger;
  readonly records: Records;
  readonly book: Book;
  readonly rounds: Rounds;
  #timers: { readonly timeMs: number; readonly call: () => void }[] = [];
  #nowMs = 0;

  private constructor(world: World, database: Database) {
    const now = (): Date => new Date("2026-01-01T00:00:00Z");
    this.world = world;
    this.database = database;
    this.ledger = new SiteLedger(new LedgerStore(database, { writer: site, signer: identity, now }), identity);
    this.records = new Records(database.connection);
    const attempts = new Attempts(database.connection);
    const persisted = (key: RoundKey) => persistedContribution(join(world.folder, "outbox"), key);
    this.book = new Book({
      site,
      identity,
      ledger: this.ledger,
      attempts,
      records: this.records,
      now: () => new Date(0),
      persisted,
    });
    this.rounds = this.#rounds();
  }

  static async open(world: World): Promise<SiteBench> {
    for (const name of ["outbox", "models"]) await mkdir(join(world.folder, name), { recursive: true });
    return new SiteBench(world, await openDatabase(join(world.folder, "site.db"), siteMigrations));
  }

  /** A site to which the study was proposed and a data set registered. */
  static async proposed(world: World): Promise<SiteBench> {
    const bench = await SiteBench.open(world);
    bench.records.pinSteward({ name: "Dr. Bell", publicKey: steward.publicKey });
    bench.register(dataset);
    const proposal = signStatement(coordinator, STUDY_PROPOSAL_DOMAIN, document);
    bench.records.insertProposal(document, digest, proposal, "2026-01-01T00:00:00Z");
    return bench;
  }

  /** The process is gone at this instant, whatever it had begun; another one opens the same folder. */
  async crash(): Promise<SiteBench> {
    this.database.close();
    return SiteBench.open(this.world);
  }

  close(): void {
    this.rounds.stop();
    this.database.close();
  }

  decide(decision: StewardAction, policy: Policy = {}, signer = steward, name = "Dr. Bell"): void {
    const number = this.records.lastStatementNumber() + 1;
    const { records, ledger } = this;
    const signed = signDecision(signer, { site, steward: name, number, decision });
    decide({ site, identity, policy, records, ledger, now: () => new Date(), isPrepared: () => true }, signed);
    this.book.forget();
  }

  register(name: DatasetId): void {
    const content = digestOf(`patients of ${name}`);
    this.records.registerDataset(
      { dataset: name, path: `/data/${name}.csv`, content, files: [content] },
      "2026-01-01T00:00:00Z",
    );
  }

  setCap(epsilon: number, on = dataset): void {
    this.decide({ action: "set-cap", dataset: on, cap: Cap.parse({ epsilon, delta: 1e-4 }) });
  }

  approve(capEpsilon: number, policy: Policy = {}, on = dataset): void {
    const cap = Cap.parse({ epsilon: capEpsilon, delta: 1e-4 });
    const of = { site, study: document.name, studyDigest: digest, dataset: on, cap, steward: "Dr. Bell" };
    const approval = { ...of, number: this.records.lastStatementNumber() + 1, disclosures: Disclosure.options };
    const signature = signStatement(steward, APPROVAL_DOMAIN, approval);
    this.decide({ action: "approve", approval, signature }, policy);
  }

  async announce(message: Announced, fork?: number): Promise<void> {
    await this.rounds.onAnnounced({ ...message, consistency: this.proof(message.head, fork) }, undefined);
    await this.rounds.settled();
  }

  /** What an honest coordinator sends beside that head; with `fork`, one that made a proof over other entries. */
  proof({ head }: SignedHead, fork?: number): ConsistencyProof {
    return proofFrom(this.rounds.held(), head.sequence, fork);
  }

  /** That time comes; then everything that was started settles. */
  async at(timeMs: number): Promise<void> {
    this.#nowMs = timeMs;
    const due = this.#timers.filter((timer) => timer.timeMs <= timeMs);
    this.#timers = this.#timers.filter((timer) => timer.timeMs > timeMs);
    for (const { call } of due) call();
    await this.rounds.settled();
  }

  #rounds(): Rounds {
    const { world, book } = this;
    const engine = { request: world.engine };
    const download = async (_digest: string, _bytes: number, path: string): Promise<void> => writeFile(path, "");
    const link = { send: world.send, upload: async () => {}, download };
    const log = (event: string, fields: object = {}): unknown =>
      world.logged.push(JSON.stringify({ event, ...fields }));
    return new Rounds({
      site,
      coordinatorKey: coordinator.publicKey,
      book,
      engine,
      models: new ModelSource({
        site,
        engine,
        link,
        folder: join(world.folder, "models"),
        logger: { info: log, warn: log, error: log },
        weights: async ({ digest }) => join(world.folder, digest),
        patients: (standing) => ({ source: "prepared", path: `/prepared/${standing.dataset}` }),
      }),
      link,
      clock: {
        nowMs: () => this.#nowMs,
        at: (timeMs, call) => {
          const timer = { timeMs, call };
          this.#timers.push(timer);
          return () => {
            this.#timers = this.#timers.filter((other) => other !== timer);
          };
        },
      },
      logger: { info: log, warn: log, error: log },
      outbox: join(world.folder, "outbox"),
    });
  }
}

/** A coordinator's ledger by hashes alone; `fork`: from this entry on it says something else. */
function treeTo(sequence: number, fork: number): MerkleTree {
  const tree = new MerkleTree();
  for (let entry = 1; entry <= sequence; entry++) tree.append(bytesOf(hashAt(entry, fork)));
  return tree;
}

function hashAt(entry: number, fork: number): Digest {
  return digestOf(entry < fork ? `coordinator ${entry}` : `forged ${entry}`);
}

export function headAt(sequence: number, fork = Number.POSITIVE_INFINITY): SignedHead {
  const root = treeTo(sequence, fork).root();
  const head = { writer: COORDINATOR, sequence, hash: hashAt(sequence, fork), root } as const;
  return { head, signature: signStatement(coordinator, LEDGER_HEAD_DOMAIN, head) };
}

/** That the head of a site, null at first, is the beginning of this one: an honest coordinator's proof. */
export function proofFrom(held: SignedHead | null, to: number, fork = Number.POSITIVE_INFINITY): ConsistencyProof {
  const from = Math.min(held?.head.sequence ?? 0, to);
  return { from, path: treeTo(to, fork).consistencyProof(from) };
}

/** A genuine announcement of a training round, changed as the test says. */
export function announcement(round: number, attempt = 1, changes: Partial<Announced["round"]> = {}): Announced {
  const key = { study: document.name, purpose: "train", round, attempt } as const;
  return {
    type: "round-announced",
    round: {
      key,
      studyDigest: digest,
      cohort: document.sites.map(({ name }) => name),
      model: { digest: digestOf(`model ${round}`), bytes: gridOfStudy(document).dimension * 4 },
      answerAfterMs: document.training.answerAfterMs,
      deadlineMs: document.training.deadlineMs,
      ...changes,
    },
    head: headAt(round * 100 + attempt),
    consistency: proofFrom(null, round * 100 + attempt),
    witnessed: null,
  };
}
