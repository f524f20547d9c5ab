import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { RoundKey, type RoundPurpose, SignedHead } from "@consilium/shared/protocol/messages";
import type { StudyName } from "@consilium/shared/units/identity";
import type { Connection } from "@consilium/storage/database";
import { z } from "zod";

/** What the database says of an attempt; whether its contribution was persisted, its file says. */
export interface AttemptRecord {
  readonly state: "acting" | "closed";
  readonly key: RoundKey;
}

/** How far each attempt of each round went, and the newest head of the coordinator's ledger that this site signed. */
export class Attempts {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#statements = prepare(connection);
  }

  /** The newest attempt and the newest committed round of a study's purpose. */
  resume(study: StudyName, purpose: RoundPurpose): { newest: AttemptRecord | null; committedRound: number | null } {
    const row = this.#statements.newest.get(study, purpose);
    const { round } = CommittedRow.parse(this.#statements.committedRound.get(study, purpose));
    return { newest: row === undefined ? null : attemptOf(row), committedRound: round };
  }

  /** Attempts that were begun and have no end yet. */
  acting(): readonly RoundKey[] {
    return this.#statements.acting.all().map((row) => attemptOf(row).key);
  }

  insertActing({ study, purpose, round, attempt }: RoundKey): void {
    this.#statements.insertActing.run(study, purpose, round, attempt);
  }

  setOver(key: RoundKey): void {
    this.#statements.setOver.run(...columns(key));
  }

  /** Also of an attempt in which this site had no part: it must never act in it later. */
  setClosed(key: RoundKey, isCommitted: boolean): void {
    this.#statements.setClosed.run(...columns(key), isCommitted ? 1 : 0);
  }

  countersigned(): SignedHead | null {
    const row = this.#statements.countersigned.get();
    return row === undefined ? null : SignedHead.parse(JSON.parse(HeadRow.parse(row).head));
  }

  setCountersigned(head: SignedHead): void {
    this.#statements.setCountersigned.run(canonicalJson(head));
  }
}

function columns({ study, purpose, round, attempt }: RoundKey): [string, string, number, number] {
  return [study, purpose, round, attempt];
}

const ofKey = "where study = ? and purpose = ? and round = ? and attempt = ?";

function prepare(connection: Connection) {
  return {
    newest: connection.prepare(
      "select * from attempt where study = ? and purpose = ? order by round desc, attempt desc limit 1",
    ),
    acting: connection.prepare("select * from attempt where state = 'acting'"),
    committedRound: connection.prepare(
      "select max(round) as round from attempt where study = ? and purpose = ? and committed = 1",
    ),
    insertActing: connection.prepare(
      "insert into attempt (study, purpose, round, attempt, state) values (?, ?, ?, ?, 'acting')",
    ),
    setOver: connection.prepare(`update attempt set state = 'closed' ${ofKey}`),
    setClosed: connection.prepare(
      `insert into attempt (study, purpose, round, attempt, state, committed) values (?, ?, ?, ?, 'closed', ?)
       on conflict (study, purpose, round, attempt) do update set state = 'closed', committed = excluded.committed`,
    ),
    countersigned: connection.prepare("select head from countersigned where id = 1"),
    setCountersigned: connection.prepare("insert or replace into countersigned (id, head) values (1, ?)"),
  };
}

const CommittedRow = z.object({ round: z.number().nullable() });
const HeadRow = z.object({ head: z.string() });
const AttemptRow = z.object({
  study: z.string(),
  purpose: z.string(),
  round: z.number(),
  attempt: z.number(),
  state: z.enum(["acting", "closed"]),
});

function attemptOf(value: unknown): AttemptRecord {
  const { state, ...key } = AttemptRow.parse(value);
  return { state, key: RoundKey.parse(key) };
}
