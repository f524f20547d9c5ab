import { assert } from "@consilium/shared/failure/failure";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import { type LineNumber, lineDocument, OWN_LINE, placeOf } from "@consilium/shared/study/modelLines";
import { roundAfter, type ScheduledRound } from "@consilium/shared/study/schedule";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { GeneratorLine } from "../generator/generatorLine.ts";
import { CHECKPOINT_EVERY, ModelLine } from "../model/modelLine.ts";
import { type GeneratorRecord, madeFor } from "../storage/generators.ts";
import {
  forgetBefore,
  insertModel,
  latestModel,
  lineSinceCheckpoint,
  type ModelRecord,
  markCheckpoint,
} from "../storage/models.ts";
import type { StudyWorld } from "./world.ts";

type LinesWorld = Pick<StudyWorld, "sql" | "blobs" | "weights" | "logger">;

interface OpenLine {
  readonly number: LineNumber;
  readonly models: ModelLine;
  readonly isNew: boolean;
}

/** A version that a step made, and its line. */
export interface Stepped {
  readonly line: LineNumber;
  readonly model: ModelRecord;
  /** Of a study with one: the generator that was trained against that model. */
  readonly generator?: GeneratorRecord;
}

/** The lines of a study's models, of which one is under way: each reference model's, then the study's own. */
export class ModelLines {
  readonly #world: LinesWorld;
  readonly #document: StudyDocument;
  readonly #generator: GeneratorLine | null;
  #current: OpenLine;
  /** What follows the line whose last step was made. */
  #next: OpenLine | null = null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(world: LinesWorld, document: StudyDocument, current: OpenLine) {
    this.#world = world;
    this.#document = document;
    this.#current = current;
    this.#generator = GeneratorLine.open(world.sql, document);
  }

  /** The line of the round that comes after `done`, as the database knows it; the first time, its initial model. */
  static async open(world: LinesWorld, document: StudyDocument, done: ScheduledRound | null): Promise<ModelLines> {
    const coming = roundAfter(document, done);
    const line = await openLine(world, document, coming === null ? OWN_LINE : placeOf(document, coming).line);
    const lines = new ModelLines(world, document, line);
    if (line.isNew) world.sql.transaction(() => lines.#keepFirst(line));
    return lines;
  }

  get current(): ModelLine {
    return this.#current.models;
  }

  /** One optimizer step on the running sum. A reference model that is finished is a file before this resolves. */
  async step(contributors: readonly SiteName[]): Promise<Stepped> {
    const { number: line, models } = this.#current;
    const generating = this.#generator;
    await generating?.addMade(models.sum.values, models.parameters, { contributors, grid: models.grid });
    const model = await models.step(contributors);
    if (generating !== null) return { line, model, generator: await generating.train(models.parameters) };
    const { references } = this.#document.audit;
    if (line === OWN_LINE || model.version < (references?.rounds ?? 0)) return { line, model };
    const { state } = await models.checkpoint();
    const following = line < (references?.models ?? 0) ? line + 1 : OWN_LINE;
    this.#next = await openLine(this.#world, this.#document, following);
    return { line, model: { ...model, checkpoint: state } };
  }

  /** In the transaction that commits a step: goes on to the next line where this one is finished. */
  goOn(): void {
    if (this.#next === null) return;
    this.#current = this.#next;
    this.#next = null;
    if (this.#current.isNew) this.#keepFirst(this.#current);
  }

  /** A step is committed: files are written, or go, in the background. */
  committed({ line, model: { version, checkpoint } }: Stepped): void {
    const { number, models } = this.#current;
    if (checkpoint !== null) this.#write(async () => this.#forget(line, version));
    else if (number === line && version % CHECKPOINT_EVERY === 0) this.#write(() => this.#checkpoint(line, models));
  }

  /** What has begun to write files. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /** File of a blob that sites may fetch: the newest model, the aggregate that made it, a finished reference model. */
  async fileOf(digest: Digest): Promise<string | undefined> {
    const { blobs, sql } = this.#world;
    const { update, aggregate } = this.current.newest;
    if (update?.aggregate.digest === digest) {
      if (aggregate !== null && !(await blobs.has(digest))) await blobs.write([aggregate]);
      return blobs.pathOf(digest);
    }
    const isMade = (["choose", "audit"] as const).some(
      (purpose) => madeFor(sql, this.#document.name, purpose)?.digest === digest,
    );
    if (isMade) return blobs.pathOf(digest);
    const references = this.#current.number === OWN_LINE ? finishedReferences(sql, this.#document) : [];
    if (references.some((reference) => reference.digest === digest)) return blobs.pathOf(digest);
    return this.current.fileOf(digest);
  }

  #keepFirst({ number: line, models }: OpenLine): void {
    insertModel(this.#world.sql, { study: this.#document.name, line }, models.newest);
  }

  /** The next step waits only if it comes before the files are written. */
  async #checkpoint(line: LineNumber, models: ModelLine): Promise<void> {
    const { sql } = this.#world;
    const { version, state } = await models.checkpoint();
    sql.transaction(() => markCheckpoint(sql, { study: this.#document.name, line }, version, state));
    await this.#forget(line, version);
  }

  async #forget(line: LineNumber, version: number): Promise<void> {
    const { sql, blobs } = this.#world;
    const unneeded = sql.transaction(() => forgetBefore(sql, { study: this.#document.name, line }, version));
    for (const digest of unneeded) await blobs.remove(digest);
  }

  #write(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      // The aggregates since the last checkpoint are all there: a restart only has more to replay.
      const why = error instanceof Error ? error.name : "unknown";
      this.#world.logger.error("checkpoint-failed", { study: this.#document.name, why });
    });
  }
}

/** The audit's reference models, in their order; none where the study has none. */
export function finishedReferences(sql: StudyWorld["sql"], { name, audit }: StudyDocument): BlobReference[] {
  const { models = 0, rounds } = audit.references ?? {};
  return Array.from({ length: models }, (_, index) => {
    const newest = latestModel(sql, name, index + 1);
    assert(
      newest !== undefined && newest.version === rounds,
      "reference models are finished before the study's own training",
    );
    return { digest: newest.digest, bytes: newest.bytes };
  });
}

async function openLine(world: LinesWorld, document: StudyDocument, number: LineNumber): Promise<OpenLine> {
  const rows = lineSinceCheckpoint(world.sql, { study: document.name, line: number });
  const models = await ModelLine.open(lineDocument(document, number), world, rows);
  return { number, models, isNew: rows.length === 0 };
}
