import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { INLINE_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { RoundSpec } from "@consilium/shared/protocol/messages";
import { StudyDocument } from "@consilium/shared/study/document";
import { gridOfStudy } from "@consilium/shared/study/network";
import { modelNumbersOf } from "@consilium/shared/study/siteHeads";
import BetterSqlite3 from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cohort-1", "cohort-2"];
const STUDY = "deeptype-wide";
const ROUNDS = 4;
/** About 280,000 parameters, so that each contribution is too large for its message. */
const HIDDEN = [512, 512];

describe("[HND7] DeepType at real sites, its contributions, aggregates and models as transfers", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-deeptype-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      const records = recordsOf("deeptype-metabric", name);
      await consortium.enrol(name, { records, dataset: "metabric", epsilon: 8, delta: 1e-4 });
      await consortium.startSite(name);
    }
    const file = writeStudy("deeptype-metabric", folder, {
      name: STUDY,
      sites: SITES,
      set: {
        ...{
          "model.hidden": HIDDEN,
          "training.heads": "per-site",
          // One coordinate more than parameters, and a norm that every announcement names anew.
          "privacy.clipping": { mode: "adaptive", rate: 1 },
          "training.rounds": ROUNDS,
          "training.minSites": 2,
          "training.deadline": "60s",
        },
        ...{ "evaluation.every": "4 rounds", "audit.gates.maxAttackAucUpper": 1 },
      },
    });
    await consortium.beginStudy(file, STUDY, "metabric", SITES);
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("trains to the end and is released; nothing of a transfer stays behind", async () => {
    const study = await consortium.reached(STUDY, ["released", "rejected", "paused"]);
    expect(study.reason).toBe("the audit passed the study's gate");
    expect(study).toMatchObject({ state: "released", committedRounds: ROUNDS });
    expect(readdirSync(join(consortium.coordinatorFolder, "uploads"))).toEqual([]);
    for (const name of SITES) expect(readdirSync(join(consortium.siteFolder(name), "outbox"))).toEqual([]);
  });

  test("each contribution was above what a message carries", async () => {
    const { document } = await consortium.view(`/api/studies/${STUDY}`);
    const { dimension, bits } = gridOfStudy(StudyDocument.parse(document));
    expect(packedBytes(dimension, bits)).toBeGreaterThan(INLINE_BYTES_MAX);
  });

  test("[HED2] sites replayed each round's update, heads and all: the first model alone was fetched as a file", async () => {
    const { document } = await consortium.view(`/api/studies/${STUDY}`);
    const bytes = Float32Array.BYTES_PER_ELEMENT * modelNumbersOf(StudyDocument.parse(document));
    const blobs = join(consortium.coordinatorFolder, "blobs");
    // The coordinator writes a model as a file for a site that asks for it, and every tenth by itself.
    const models = readdirSync(blobs).filter((name) => statSync(join(blobs, name)).size === bytes);
    expect(models).toHaveLength(1);
  });

  test("[HED3] the verified release predicts by the consortium's head or by a site's, and by no stranger's", async () => {
    const out = join(folder, "predicted.csv");
    const release = join(consortium.coordinatorFolder, "releases", STUDY);
    const args = ["predict", "--release", release, "--in", recordsOf("deeptype-metabric", "cohort-5"), "--out", out];
    const predicted = async (...more: string[]): Promise<string> => {
      const all = [...args, "--key", consortium.publicKey, ...more];
      expect(await consortium.processes.run("consilium-site", all)).toMatchObject({ code: 0 });
      return readFileSync(out, "utf8");
    };
    const made = [await predicted()];
    for (const name of SITES) made.push(await predicted("--site", name));
    expect(new Set(made).size).toBe(1 + SITES.length);
    const stranger = [...args, "--key", consortium.publicKey, "--site", "boston"];
    const { code, stderr } = await consortium.processes.run("consilium-site", stranger);
    expect(code).toBe(2);
    expect(stderr).toContain("has no site boston");
    expect(readFileSync(out, "utf8")).toBe(made.at(-1));
  });

  test("[CLP4] each round named the norm that follows from the noised counts before", () => {
    const database = new BetterSqlite3(join(consortium.coordinatorFolder, "coordinator.db"), { readonly: true });
    const query = database.prepare<[string], { spec: string }>(
      "select spec from round where study = ? and purpose = 'train' and state = 'committed' order by round",
    );
    const norms = query.all(STUDY).map(({ spec }) => RoundSpec.parse(JSON.parse(spec)).roundNorm ?? Number.NaN);
    database.close();
    expect(norms).toHaveLength(ROUNDS);
    expect(norms[0]).toBe(1);
    expect(new Set(norms).size).toBe(ROUNDS);
    for (const [i, norm] of norms.slice(1).entries()) {
      expect(Math.abs(Math.log(norm / (norms[i] ?? Number.NaN)))).toBeLessThanOrEqual(0.5000001);
    }
  });
});
