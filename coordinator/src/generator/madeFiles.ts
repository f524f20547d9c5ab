import { assert } from "@consilium/shared/failure/failure";
import { fitClassifier } from "@consilium/shared/generator/classifier";
import { makeRecords } from "@consilium/shared/generator/made";
import { encodeCandidates } from "@consilium/shared/generator/madeFile";
import { encodeReleased } from "@consilium/shared/generator/released";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import type { StudyDocument } from "@consilium/shared/study/document";
import { featureCount } from "@consilium/shared/study/features";
import { choiceOf, generatorsOf, saveMade } from "../storage/generators.ts";
import type { StudyWorld } from "../study/world.ts";

type MadeWorld = Pick<StudyWorld, "sql" | "blobs">;

/** Writes what a study's next round needs of its generators, and names it: durable before anyone hears of it. */
export async function makeFor(world: MadeWorld, document: StudyDocument, purpose: "choose" | "audit"): Promise<void> {
  const bytes = purpose === "choose" ? await candidates(world, document) : synthetic(world, document);
  const made: BlobReference = await world.blobs.write([bytes]);
  world.sql.transaction(() => saveMade(world.sql, document.name, purpose, { digest: made.digest, bytes: made.bytes }));
}

/** Of each kept generator a classifier of its records alone, as many as the release holds but at most these. */
const CANDIDATE_RECORDS_MAX = 2_000;

async function candidates({ sql }: MadeWorld, document: StudyDocument): Promise<Uint8Array> {
  const { generator: rule, data } = document;
  assert(rule !== undefined, "a study that chooses generators has a rule for them");
  const shape = { classes: data.label.values.length, features: featureCount(data) };
  const generators = generatorsOf(sql, document.name);
  const count = Math.min(rule.records, CANDIDATE_RECORDS_MAX);
  const classifiers = [];
  for (const { round, parameters } of generators) {
    const records = makeRecords(rule, shape, parameters, count, { use: "candidate", round });
    classifiers.push(fitClassifier(records, shape.classes));
    // Fifty of them take seconds: links stay answered.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return encodeCandidates({ rounds: generators.map(({ round }) => round), classifiers });
}

function synthetic({ sql }: MadeWorld, document: StudyDocument): Uint8Array {
  const choice = choiceOf(sql, document.name);
  assert(choice !== undefined, "synthetic records are made after the choice");
  return encodeReleased(document, pickedGenerators({ sql }, document));
}

/** The chosen generators, in the choice's order. */
export function pickedGenerators(
  { sql }: Pick<StudyWorld, "sql">,
  { name }: StudyDocument,
): readonly { readonly round: number; readonly parameters: Float32Array }[] {
  const generators = new Map(generatorsOf(sql, name).map((own) => [own.round, own]));
  return (choiceOf(sql, name)?.picked ?? []).flatMap(({ round }) => {
    const own = generators.get(round);
    return own === undefined ? [] : [own];
  });
}
