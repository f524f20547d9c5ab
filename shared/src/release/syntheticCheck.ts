import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { type GeneratorChoice, pickedPlaces } from "../generator/choice.ts";
import { encodeReleased } from "../generator/released.ts";
import { keptRounds } from "../generator/rule.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { modelDigest } from "../model/modelDigest.ts";
import type { StudyDocument } from "../study/document.ts";
import { type ReleaseManifest, SYNTHETIC_PATHS } from "./manifest.ts";
import { readGenerators, type SyntheticInputs, syntheticFiles } from "./synthetic.ts";

interface Synthesised {
  readonly document: StudyDocument;
  readonly manifest: Pick<ReleaseManifest, "choice" | "model">;
  readonly entries: readonly Pick<LedgerEntry, "body">[];
  readonly audit: SyntheticInputs["audit"];
  readonly privacy: SyntheticInputs["privacy"];
  readonly read: (path: string) => Uint8Array;
}

/**
 * Whether the choice is what the sites' picks make it and the ledger's charges became, the generators are those that
 * were chosen, the records are what they make, and the audit judged those very records.
 */
export function syntheticHolds({ document, manifest, entries, audit, privacy, read }: Synthesised): boolean {
  const { generator } = document;
  const { choice } = manifest;
  if (generator === undefined || choice === undefined) return generator === undefined && choice === undefined;
  if (!choiceHolds(document, choice, manifest.model.round)) return false;
  const result = digestOfJson(choice);
  const isBooked = choice.sites.every(({ site }) =>
    entries.some(({ body }) => {
      if (body.kind !== "committed" || body.result !== result) return false;
      return body.charge.startsWith(`${document.name}/choose-${choice.round}.`) && body.charge.includes(`/${site}/`);
    }),
  );
  const generators = readGenerators(read(SYNTHETIC_PATHS.generators));
  const found = generators.map(({ round, parameters }) => ({ round, digest: modelDigest(parameters) }));
  const isMade = [...syntheticFiles({ document, choice, generators, audit, privacy })].every(
    ([path, bytes]) => Buffer.compare(bytes, read(path)) === 0,
  );
  return (
    isBooked &&
    canonicalJson(found) === canonicalJson(choice.picked) &&
    isMade &&
    audit.utility?.made === digestOf(encodeReleased(document, generators))
  );
}

/** By the signed rule, from the picks that it names. */
function choiceHolds(document: StudyDocument, choice: GeneratorChoice, lastRound: number): boolean {
  const { generator, training } = document;
  if (generator === undefined) return false;
  const { rounds, sites, picked, round } = choice;
  const named = new Set(sites.map(({ site }) => site));
  const isOfStudy = [...named].every((site) => document.sites.some(({ name }) => name === site));
  const places = pickedPlaces(document, sites, rounds.length, generator.best);
  return (
    round === lastRound &&
    isOfStudy &&
    named.size === sites.length &&
    named.size >= training.minSites &&
    canonicalJson(rounds) === canonicalJson(keptRounds(generator, lastRound)) &&
    sites.every(({ chosen }) => chosen.length === Math.min(generator.best, rounds.length)) &&
    canonicalJson(places.map((place) => rounds[place])) === canonicalJson(picked.map((own) => own.round))
  );
}
