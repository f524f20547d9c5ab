import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { auditShape } from "@consilium/shared/audit/histogram";
import { populationSlots } from "@consilium/shared/audit/population";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { assert, type Refusal, unreachable } from "@consilium/shared/failure/failure";
import { normalisedColumns } from "@consilium/shared/normalisation/rule";
import { INLINE_BYTES_MAX } from "@consilium/shared/protocol/limits";
import type { RoundKey, RoundSpec, SiteMessage } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import { lineDocument, placeOf } from "@consilium/shared/study/modelLines";
import { localStepsOf } from "@consilium/shared/study/schedule";
import { intervalPlaceOf } from "@consilium/shared/study/survival";
import type { SiteName } from "@consilium/shared/units/identity";
import { asCharged, type ChargedContent, chargedBytesOf, type Outgoing } from "../disclosure/outgoing.ts";
import type { EngineRequest } from "../engine/message.ts";
import type { StudyStanding } from "./announcement.ts";
import type { RoundEngine, RoundLink } from "./ports.ts";

/**
 * Has the engine act once: the ledger says so already. Null for every way to fail: what went wrong may hang on a
 * record, so nothing of it goes further. Stops on events other than those that both ledgers booked.
 */
export async function contribute(
  engine: RoundEngine,
  { document, charges }: Pick<StudyStanding, "document" | "charges">,
  spec: RoundSpec,
  path: string,
  site: SiteName,
): Promise<ChargedContent | null> {
  const { key } = spec;
  const reply = await engine.request(engineRequest(document, spec, path, site));
  if (reply.type !== "written") return null;
  const planned = charges[key.purpose].map(({ event }) => event);
  const isPlanned = canonicalJson(reply.events) === canonicalJson(planned);
  // A later process would find it and take it for a contribution whose send was cut short.
  if (!isPlanned) rmSync(path, { force: true });
  assert(isPlanned, "the engine's events are the study's planned charges");
  return asCharged({ digest: reply.digest, bytes: reply.bytes });
}

/** Where an attempt's packed contribution lies; it appears there whole, synced, or not at all. */
export function contributionFile(outbox: string, { study, purpose, round, attempt }: RoundKey): string {
  return join(outbox, `${study}.${purpose}-${round}.${attempt}.contribution`);
}

/** The contribution that an earlier process persisted for this attempt, if it did. */
export function persistedContribution(outbox: string, key: RoundKey): ChargedContent | null {
  const path = contributionFile(outbox, key);
  if (!existsSync(path)) return null;
  const bytes = readFileSync(path);
  return asCharged({ digest: digestOf(bytes), bytes: bytes.length });
}

/** Small ones ride in their message; a large one follows once its message was accepted. Null when all of it arrived. */
export async function offerContribution(
  link: RoundLink,
  message: Outgoing<Extract<SiteMessage, { type: "contribution" }>>,
  content: ChargedContent,
  path: string,
): Promise<Refusal | null> {
  const isInline = content.bytes <= INLINE_BYTES_MAX;
  const reply = await link.send(message, isInline ? chargedBytesOf(readFileSync(path), content) : undefined);
  if (reply.type === "refused") return reply.refusal;
  if (!isInline) await link.upload(path, content);
  return null;
}

/** What comes next, if all goes well: the next round, or this one again. */
export function attemptAfter(key: RoundKey, outcome: "committed" | "abandoned"): RoundKey {
  return outcome === "committed" ? { ...key, round: key.round + 1, attempt: 1 } : { ...key, attempt: key.attempt + 1 };
}

function engineRequest(document: StudyDocument, spec: RoundSpec, path: string, site: SiteName): EngineRequest {
  const { evaluation, audit } = document;
  const { key, roundNorm } = spec;
  switch (key.purpose) {
    case "normalise": {
      const rule = document.normalisation;
      assert(rule !== undefined, "a round that the study plans has its rule");
      const places = normalisedColumns(rule, document.data).map(({ place }) => place);
      return { type: "normalise", key, path, rule, places };
    }
    case "reference":
    case "train": {
      const local = localStepsOf(lineDocument(document, placeOf(document, key).line), site);
      return { type: "step", key, path, local, roundNorm };
    }
    case "evaluate": {
      const { epsilon, bins } = evaluation;
      const interval = intervalPlaceOf(document.data);
      const what = { purpose: "evaluate", epsilon, bins, ...(interval === null ? {} : { interval }) } as const;
      return { type: "score", key, path, what };
    }
    case "shadow": {
      const { shadow } = audit;
      assert(shadow !== undefined, "a round that the study plans has its rule");
      const { bins, epsilon } = shadow;
      return { type: "score", key, path, what: { purpose: "shadow", bins, epsilon } };
    }
    case "choose": {
      const { generator } = document;
      assert(generator !== undefined, "a round that the study plans has its rule");
      return { type: "choose", key, path, best: generator.best, epsilon: generator.epsilon };
    }
    case "audit": {
      const { epsilon } = audit;
      const attacks = audit.attacks.map((attack) => ({ attack, shape: auditShape(document, attack) }));
      const { canaries } = audit;
      const guessing =
        canaries === undefined ? {} : { canaries: { guesses: canaries.guesses, seed: document.training.initialSeed } };
      return {
        type: "score",
        key,
        path,
        what: {
          purpose: "audit",
          attacks,
          epsilon,
          ...learnt(spec),
          ...guessing,
          ...comparing(document),
          ...judging(document),
        },
      };
    }
    default:
      return unreachable(key.purpose);
  }
}

/** What attacks by reference models take beside those: all of it public. */
function comparing({ audit: { references }, data, training }: StudyDocument) {
  if (references === undefined) return {};
  const { offlineA, gamma, population: count } = references;
  const population = { slots: populationSlots(data), count, seed: training.initialSeed };
  return { references: { rule: { offlineA, gamma }, population } };
}

/** Of a study with a generator: how what its records teach is looked at. */
function judging({ generator, evaluation: { bins } }: StudyDocument) {
  return generator === undefined ? {} : { utility: { bins } };
}

/** Attacks that were learnt from the study's shadow, as announced: they hang on noised histograms alone. */
function learnt({ shadow }: RoundSpec): Pick<RoundSpec, "shadow"> {
  return shadow === undefined ? {} : { shadow };
}
