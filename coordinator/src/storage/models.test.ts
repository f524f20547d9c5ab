import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { studyDigest } from "@consilium/shared/study/digest";
import { Signature } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { smallStudy } from "../study/consortium.test-support.ts";
import { coordinatorMigrations } from "./migrations.ts";
import { insertModel, latestModel, lineSinceCheckpoint, type ModelRecord, markCheckpoint } from "./models.ts";
import { closeRound, insertRound, newestRounds, openRound } from "./rounds.ts";
import type { Sql } from "./sql.ts";
import { insertStudy, type StudyRecord } from "./studies.ts";
import type { CoordinatorTables } from "./tables.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-models-"));
});
afterAll(() => rm(folder, { recursive: true }));

const document = smallStudy();
const study = document.name;
const proposed: StudyRecord = {
  ...{ name: study, document, digest: studyDigest(document), standing: { state: "training" }, reason: null },
  ...{ proposal: Signature.parse("A".repeat(86).concat("==")), proposedAt: "2026-01-01T00:00:00Z" },
};

function model(version: number, name: string): ModelRecord {
  return {
    ...{ version, digest: digestOf(name), bytes: 12, update: null, aggregate: Uint8Array.of(version) },
    ...{ checkpoint: null, roundNorm: null },
  };
}

function opened(file: string, migrations = coordinatorMigrations): Promise<Sql> {
  return openDatabase<CoordinatorTables>(join(folder, file), migrations);
}

describe("[REF3] lines of models are kept apart", () => {
  test("each has its own versions and checkpoints", async () => {
    const sql = await opened("lines.db");
    insertStudy(sql, proposed);
    for (const line of [0, 1, 2]) {
      for (const version of [0, 1, 2]) insertModel(sql, { study, line }, model(version, `${line}.${version}`));
    }
    markCheckpoint(sql, { study, line: 1 }, 2, digestOf("state"));
    expect(latestModel(sql, study)?.digest).toBe(digestOf("0.2"));
    expect(latestModel(sql, study, 2)?.digest).toBe(digestOf("2.2"));
    const since = [0, 1, 2].map((line) => lineSinceCheckpoint(sql, { study, line }).map(({ version }) => version));
    expect(since).toEqual([[0, 1, 2], [2], [0, 1, 2]]);
    expect(latestModel(sql, study, 3)).toBeUndefined();
    sql.close();
  });

  test("a database of before opens with its models as studies' own, and its rounds in their order", async () => {
    const { "0140-reference-models": _, ...before } = coordinatorMigrations;
    const old = await opened("old.db", before);
    insertStudy(old, proposed);
    const key = (purpose: RoundKey["purpose"], round: number) => RoundKey.parse({ study, purpose, round, attempt: 1 });
    const spec = {
      ...{ studyDigest: studyDigest(document), cohort: document.sites.map(({ name }) => name) },
      ...{ model: { digest: digestOf("1"), bytes: 12 }, answerAfterMs: 5, deadlineMs: 400 },
    };
    const at = "2026-01-02T00:00:00Z";
    for (const round of [2, 1]) {
      insertRound(old, { key: key("train", round), ...spec }, at);
      closeRound(old, key("train", round), { outcome: "committed", answers: new Map(), result: null, at });
    }
    for (const version of [0, 1]) {
      const { digest, bytes, aggregate } = model(version, String(version));
      const insert = "insert into model (study, version, digest, bytes, aggregate) values (?, ?, ?, ?, ?)";
      old.connection.prepare(insert).run(study, version, digest, bytes, aggregate);
    }
    old.close();
    const sql = await opened("old.db");
    expect(latestModel(sql, study)).toMatchObject(model(1, "1"));
    expect(newestRounds(sql, study, 5).map(({ key: { round } }) => round)).toEqual([1, 2]);
    insertRound(sql, { key: key("reference", 1), ...spec }, at);
    expect(openRound(sql, study)?.key.purpose).toBe("reference");
    sql.close();
  });
});
