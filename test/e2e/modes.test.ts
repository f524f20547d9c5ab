import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignedManifest } from "@consilium/shared/release/manifest";
import { PrivacyStatement } from "@consilium/shared/release/statement";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const STUDY = "patient-yogi";

describe("[STU40] local steps, FedProx, Yogi on a schedule, and a metric that ends training, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-modes-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      await consortium.enrol(name, { records: recordsOf("heart", name), dataset: "heart", epsilon: 4, delta: 1e-4 });
      await consortium.startSite(name);
    }
    const file = writeStudy("heart", folder, {
      name: STUDY,
      sites: SITES,
      set: {
        "training.rounds": 15,
        "training.minSites": 2,
        "training.localSteps": 4,
        "training.local": { learningRate: 0.5, proximal: 0.1 },
        "training.optimizer": {
          name: "yogi",
          learningRate: 0.1,
          schedule: { name: "cosine", rounds: 15, endFraction: 0.1, warmUpRounds: 2 },
        },
        // No second evaluation rises by so much: training ends with it.
        "training.earlyStop": { metric: "accuracy", patience: 1, minDelta: 0.9 },
        "evaluation.every": "3 rounds",
        "evaluation.epsilon": 0.7,
        "audit.gates.maxAttackAucUpper": 1,
      },
    });
    await consortium.beginStudy(file, STUDY, "heart", SITES);
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("stops after two evaluations, is released, and its release verifies", async () => {
    const study = await consortium.reached(STUDY, ["released", "rejected", "paused"]);
    expect(study.reason).toBe("the audit passed the study's gate");
    const release = join(consortium.coordinatorFolder, "releases", STUDY);
    const verified = await consortium.processes.run("consilium", ["verify", release, "--key", consortium.publicKey]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("ok      stop: ") });
    const read = (name: string): unknown => JSON.parse(readFileSync(join(release, name), "utf8"));
    const { manifest } = SignedManifest.parse(read("manifest.json"));
    const [best, last] = [manifest.stop?.best.round ?? 0, manifest.model.round];
    expect(study.committedRounds).toBe(last);
    expect(last).toBeLessThan(15);
    expect(manifest.stop?.since.map(({ round }) => round)).toEqual([last]);
    expect(best).toBeLessThan(last);
    const privacy = PrivacyStatement.parse(read("privacy.json"));
    expect(privacy.signedSchedule).toMatchObject({ accountant: "pld", holds: true });
    expect(privacy.guarantee).toMatchObject({ basis: "signed-schedule", epsilon: privacy.signedSchedule.epsilon });
    expect(privacy.guarantee.epsilon).toBeLessThan(privacy.signedMaximumEpsilon);
    expect(privacy.consortium.disjointEpsilon).toBeLessThan(privacy.guarantee.epsilon);
    for (const { parts } of privacy.sites) {
      const training = parts.find(({ part }) => part === "train")?.events[0];
      expect(training).toMatchObject({ kind: "poisson-gaussian", count: 4 * last });
    }
  });
});
