import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { assert } from "@consilium/shared/failure/failure";
import { GeneratorChoice } from "@consilium/shared/generator/choice";
import { modelBytes } from "@consilium/shared/model/modelDigest";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import { Digest, type StudyName } from "@consilium/shared/units/identity";
import type { AdamMemory } from "../generator/adam.ts";
import type { Sql } from "./sql.ts";

/** A study's generator after a training round. */
export interface GeneratorRecord {
  readonly round: number;
  readonly parameters: Float32Array;
  readonly memory: AdamMemory;
  /** To be chosen from. */
  readonly isKept: boolean;
}

/** In the transaction of its round: the newest one, with what its optimizer remembers; older ones stay if kept. */
export function saveGenerator(
  sql: Sql,
  study: StudyName,
  { round, parameters, memory, isKept }: GeneratorRecord,
): void {
  const { build } = sql;
  sql.run(build.deleteFrom("generator").where("study", "=", study).where("is_kept", "=", 0));
  sql.run(build.updateTable("generator").set({ memory: null }).where("study", "=", study));
  sql.run(
    build.insertInto("generator").values({
      study,
      round,
      parameters: Uint8Array.from(modelBytes(parameters)),
      memory: Buffer.concat([modelBytes(memory.first), modelBytes(memory.second)]),
      adam_step: memory.step,
      is_kept: isKept ? 1 : 0,
    }),
  );
}

export function newestGenerator(sql: Sql, study: StudyName): GeneratorRecord | undefined {
  const query = sql.build
    .selectFrom("generator")
    .selectAll()
    .where("study", "=", study)
    .orderBy("round", "desc")
    .limit(1);
  const row = sql.first(query);
  if (row === undefined) return undefined;
  assert(row.memory !== null, "the newest generator has what its optimizer remembers");
  const parameters = floatsOf(row.parameters);
  const both = floatsOf(row.memory);
  const [first, second] = [both.slice(0, parameters.length), both.slice(parameters.length)];
  return { round: row.round, parameters, memory: { step: row.adam_step, first, second }, isKept: row.is_kept === 1 };
}

/** Generators that may be chosen, oldest first: those kept, and the newest. */
export function generatorsOf(
  sql: Sql,
  study: StudyName,
): readonly { readonly round: number; readonly parameters: Float32Array }[] {
  const query = sql.build.selectFrom("generator").select(["round", "parameters"]).where("study", "=", study);
  return sql.all(query.orderBy("round")).map(({ round, parameters }) => ({ round, parameters: floatsOf(parameters) }));
}

export function saveChoice(sql: Sql, study: StudyName, choice: GeneratorChoice): void {
  sql.run(sql.build.insertInto("generator_choice").values({ study, choice: canonicalJson(choice) }));
}

export function choiceOf(sql: Sql, study: StudyName): GeneratorChoice | undefined {
  const row = sql.first(sql.build.selectFrom("generator_choice").selectAll().where("study", "=", study));
  return row === undefined ? undefined : GeneratorChoice.parse(JSON.parse(row.choice));
}

/** Names a file that generators made, which sites fetch in that round. */
export function saveMade(sql: Sql, study: StudyName, purpose: "choose" | "audit", made: BlobReference): void {
  sql.run(sql.build.insertInto("made").values({ study, purpose, ...made }));
}

export function madeFor(sql: Sql, study: StudyName, purpose: "choose" | "audit"): BlobReference | undefined {
  const query = sql.build.selectFrom("made").selectAll().where("study", "=", study).where("purpose", "=", purpose);
  const row = sql.first(query);
  return row === undefined ? undefined : { digest: Digest.parse(row.digest), bytes: row.bytes };
}

function floatsOf(bytes: Uint8Array): Float32Array {
  const own = Uint8Array.from(bytes);
  return new Float32Array(own.buffer);
}
