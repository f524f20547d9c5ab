import { writeFileSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure, fromRefusal } from "@consilium/shared/failure/failure";
import type { StudyWeights } from "@consilium/shared/model/studyWeights";
import { featureScales } from "@consilium/shared/normalisation/columnScales";
import type { BlobReference, RoundSpec } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import { lineDocument, OWN_LINE, placeOf } from "@consilium/shared/study/modelLines";
import {
  aggregatedAs,
  expectedBatchOf,
  gridOfStudy,
  modelSpecOfStudy,
  weightsOfStudy,
} from "@consilium/shared/study/network";
import { stretchesOf } from "@consilium/shared/study/siteHeads";
import type { Logger } from "@consilium/shared/system/logger";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { removeFile } from "@consilium/storage/removeFile";
import type { EngineReply, EngineRequest } from "../engine/message.ts";
import type { StudyStanding } from "./announcement.ts";
import type { RoundEngine, RoundLink } from "./ports.ts";

export interface ModelSourceOptions {
  readonly site: SiteName;
  readonly engine: RoundEngine;
  readonly link: RoundLink;
  /** Folder for models and aggregates on their way to the engine. */
  readonly folder: string;
  /** The study's patients, as prepared at its approval, or the bench's random sums. */
  readonly patients: (standing: StudyStanding) => Extract<EngineRequest, { type: "open" }>["patients"];
  readonly logger: Logger;
  /** Path of a study's weights file, verified. */
  readonly weights: (named: StudyWeights) => Promise<string>;
}

/** Brings the model of a round into the engine: by replaying the update where it can, else as a whole. */
export class ModelSource {
  readonly #options: ModelSourceOptions;
  /** What the engine holds; forgotten whenever it failed, for it may have been started anew. */
  readonly #held = new Map<StudyName, Held>();

  constructor(options: ModelSourceOptions) {
    this.#options = options;
  }

  /** Nothing here touches a record: opening loads what was prepared when the steward approved. */
  async prepare(spec: RoundSpec, standing: StudyStanding, aggregate: Uint8Array | undefined): Promise<void> {
    const { study } = spec.key;
    // Approved anew since, of another version or on other patients; or normalised: what is open is not this round's.
    if (this.#held.get(study)?.openedAs !== openedAs(spec, standing)) this.forget(study);
    const isFresh = !this.#held.has(study);
    try {
      await this.#bring(spec, standing, aggregate);
    } catch (error) {
      this.forget(study);
      // The engine may have been started anew since the last round: then it has nothing, and opening it helps.
      if (isFresh) throw error;
      await this.#bring(spec, standing, aggregate);
    }
  }

  /** After a failure nobody knows what the engine holds. */
  forget(study: StudyName): void {
    this.#held.delete(study);
  }

  async #bring(spec: RoundSpec, standing: StudyStanding, aggregate: Uint8Array | undefined): Promise<void> {
    const { study } = spec.key;
    requireSignedStart(spec, standing);
    if (!this.#held.has(study)) await this.#open(spec, standing);
    if (this.#held.get(study)?.model !== spec.model.digest) {
      const isReplayed = await this.#replay(spec, standing, aggregate);
      if (!isReplayed) await this.#load(study, spec.model);
      this.#held.set(study, { openedAs: openedAs(spec, standing), model: spec.model.digest });
    }
    if (spec.references !== undefined) await this.#loadReferences(study, spec.references);
    if (spec.made !== undefined) await this.#loadMade(study, spec.made);
  }

  async #open(spec: RoundSpec, standing: StudyStanding): Promise<void> {
    const { line } = placeOf(standing.document, spec.key);
    const document = lineDocument(standing.document, line);
    const { study } = spec.key;
    const reply = await this.#request({
      type: "open",
      study,
      spec: modelSpecOfStudy(document),
      grid: gridOfStudy(document),
      clipping: document.privacy.clipping,
      clippingNorm: document.privacy.clippingNorm,
      samplingRate: document.privacy.samplingRate,
      expectedBatch: expectedBatchOf(document),
      classes: document.data.label.values.length,
      patients: this.#options.patients(standing),
      ...headOf(document, this.#options.site),
      ...(line === OWN_LINE ? {} : { trainedOn: "reference" }),
      ...(document.audit.canaries === undefined ? {} : { canaries: document.audit.canaries.count }),
      ...(line === OWN_LINE ? directionsOf(document, this.#options.site) : {}),
      ...(spec.scales === undefined ? {} : { scales: [...featureScales(document, spec.scales)] }),
      ...(await this.#start(document)),
    });
    if (reply.type === "opened") {
      this.#options.logger.info("study-opened", { study, engine: reply.engine, why: reply.why });
    }
    this.#held.set(study, { openedAs: openedAs(spec, standing), model: weightsOfStudy(document)?.initial ?? null });
  }

  async #start(document: StudyDocument): Promise<Pick<Extract<EngineRequest, { type: "open" }>, "start">> {
    const weights = weightsOfStudy(document);
    if (weights === undefined) return {};
    return { start: { path: await this.#options.weights(weights), weights, seed: document.training.initialSeed } };
  }

  async #replay(spec: RoundSpec, standing: StudyStanding, aggregate: Uint8Array | undefined): Promise<boolean> {
    const { update, key, model } = spec;
    if (update === undefined || this.#held.get(key.study)?.model !== update.from) return false;
    const path = join(this.#options.folder, `${update.aggregate.digest}.aggregate`);
    if (aggregate === undefined)
      await this.#options.link.download(update.aggregate.digest, update.aggregate.bytes, path);
    else writeChecked(path, aggregate, update.aggregate);
    try {
      const reply = await this.#options.engine.request({
        type: "advance-model",
        study: key.study,
        update,
        path,
        stretches: [
          ...stretchesOf(
            lineDocument(standing.document, placeOf(standing.document, key).line),
            update.contributors,
            update.roundNorm,
          ),
        ],
        summands: aggregatedAs(standing.document, update.contributors.length),
        optimizer: standing.document.training.optimizer,
        to: model.digest,
      });
      return reply.type === "done";
    } finally {
      await unlink(path);
    }
  }

  async #load(study: StudyName, model: BlobReference): Promise<void> {
    const path = join(this.#options.folder, `${model.digest}.model`);
    await this.#options.link.download(model.digest, model.bytes, path);
    try {
      await this.#request({ type: "load-model", study, path, digest: model.digest });
    } finally {
      await unlink(path);
    }
  }

  async #loadMade(study: StudyName, { digest, bytes }: BlobReference): Promise<void> {
    const path = join(this.#options.folder, `${digest}.made`);
    await this.#options.link.download(digest, bytes, path);
    try {
      await this.#request({ type: "load-made", study, path, digest });
    } finally {
      await unlink(path);
    }
  }

  /** By digest, whatever this site replayed of them: it may have been away. */
  async #loadReferences(study: StudyName, references: readonly BlobReference[]): Promise<void> {
    const models = references.map(({ digest }) => ({ digest, path: join(this.#options.folder, `${digest}.model`) }));
    try {
      for (const { digest, bytes } of references)
        await this.#options.link.download(digest, bytes, join(this.#options.folder, `${digest}.model`));
      await this.#request({ type: "load-references", study, models });
    } finally {
      for (const { path } of models) await removeFile(path);
    }
  }

  async #request(request: EngineRequest): Promise<EngineReply> {
    const reply = await this.#options.engine.request(request);
    if (reply.type !== "failed") return reply;
    throw fromRefusal(reply.refusal);
  }
}

/** Where this site's own head stands among those of the study. */
function headOf(
  { training, sites }: StudyDocument,
  site: SiteName,
): Pick<Extract<EngineRequest, { type: "open" }>, "heads"> {
  if (training.heads === undefined) return {};
  return { heads: { sites: sites.length, own: sites.findIndex(({ name }) => name === site) } };
}

/** This site's gradient canaries, where the study has some. */
function directionsOf(
  { audit: { gradientCanaries } }: StudyDocument,
  site: SiteName,
): Pick<Extract<EngineRequest, { type: "open" }>, "gradientCanaries"> {
  return gradientCanaries === undefined ? {} : { gradientCanaries: { ...gradientCanaries, site } };
}

interface Held {
  /** Version, data set, scales and line of models that the study was opened with. */
  readonly openedAs: string;
  readonly model: Digest | null;
}

function openedAs({ scales, key }: RoundSpec, { document, digest, dataset, sanitized }: StudyStanding): string {
  const { line } = placeOf(document, key);
  return `${digest} ${dataset} ${sanitized ?? ""} ${line} ${scales === undefined ? "" : canonicalJson(scales)}`;
}

/** The first step of each line starts from the very weights that this site's steward signed. */
function requireSignedStart({ key, model }: RoundSpec, { document }: StudyStanding): void {
  const signed = weightsOfStudy(document)?.initial;
  const isStep = key.purpose === "train" || key.purpose === "reference";
  const isFirst = isStep && placeOf(document, key).stepsBefore === 0;
  if (signed === undefined || !isFirst || model.digest === signed) return;
  throw new Failure({
    code: "round/other-start",
    kind: "refused",
    what: `Round ${key.purpose}-${key.round} of ${key.study} starts from other weights than this site approved.`,
    remedy: "Have the lead look into it: the coordinator must start from the weights file that the study names.",
  });
}

/** Lives until the engine has read it, so it needs no fsync. */
function writeChecked(path: string, bytes: Uint8Array, expected: BlobReference): void {
  if (bytes.length !== expected.bytes || digestOf(bytes) !== expected.digest) {
    throw new Failure({
      code: "round/aggregate-differs",
      kind: "refused",
      what: "The aggregate beside the announcement is not the one that it names.",
      remedy: "Announce the round again as a new attempt.",
    });
  }
  writeFileSync(path, bytes, { mode: 0o600 });
}
