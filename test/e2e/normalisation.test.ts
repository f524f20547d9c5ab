import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { AuditReport } from "@consilium/shared/audit/report";
import { RELEASE_PATHS, SignedManifest } from "@consilium/shared/release/manifest";
import { StudyDocument } from "@consilium/shared/study/document";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consortium } from "../../simulation/processes/consortium.mjs";
import { answersOfOnnx, answersOfTfjs } from "../support/otherRuntimes.ts";
import { rawFeatures } from "../support/rawFeatures.ts";
import { recordsOf, writeStudy } from "../support/studyFile.ts";

const SITES = ["cleveland", "hungarian"];
const STUDY = "scaled-columns";

describe("[NOR4] normalised columns, with real processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-normalised-"));
  const consortium = new Consortium(folder);

  beforeAll(async () => {
    await consortium.createCoordinator();
    for (const name of SITES) {
      await consortium.enrol(name, { records: recordsOf("heart", name), dataset: "heart", epsilon: 6, delta: 1e-4 });
      await consortium.startSite(name);
    }
    const file = writeStudy("heart", folder, {
      name: STUDY,
      sites: SITES,
      set: {
        normalisation: { by: "quantiles", noiseMultiplier: 2, bins: 8, columns: ["age", "chol"] },
        "training.rounds": 10,
        "training.minSites": 2,
        "evaluation.every": "5 rounds",
        "audit.gates.maxAttackAucUpper": 1,
        "audit.classes": "apart",
        "audit.attacks": ["loss", "correctness"],
        "audit.canaries": { count: 20, guesses: 10 },
      },
    });
    await consortium.beginStudy(file, STUDY, "heart", SITES);
  });

  afterAll(async () => {
    await consortium.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("its release verifies, holds the scales, and predicts with them", async () => {
    const study = await consortium.reached(STUDY, ["released", "rejected", "paused"]);
    expect(study.reason).toBe("the audit passed the study's gate");
    const release = join(consortium.coordinatorFolder, "releases", STUDY);
    const key = ["--key", consortium.publicKey];
    const verified = await consortium.processes.run("consilium", ["verify", release, ...key]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("ok      normalisation: ") });
    const read = (name: string): unknown => JSON.parse(readFileSync(join(release, name), "utf8"));
    const { manifest } = SignedManifest.parse(read("manifest.json"));
    expect(manifest.normalisation?.contributors).toEqual(SITES);
    expect(manifest.normalisation?.scales.map(({ column }) => column)).toEqual(["age", "chol"]);
    expect(manifest.normalisation?.scales.some(({ from }) => from === "statistics")).toBe(true);
    const audit = AuditReport.parse(read("audit.json"));
    expect(audit.canaries).toMatchObject({ count: 40, guesses: 20, delta: expect.any(Number) });
    expect(audit.orderings.map(({ perClass }) => perClass.length)).toEqual([2, 2]);
    expect(manifest.gate.rules.map(({ rule }) => rule)).toContain("empirical-epsilon");
    expect(readFileSync(join(release, "AUDIT.md"), "utf8")).toContain("Of 40 made-up records");
    const out = join(folder, "predicted.csv");
    const input = recordsOf("heart", "cleveland");
    const predicted = await consortium.processes.run("consilium-site", [
      ...["predict", "--release", release, ...key, "--in", input, "--out", out],
    ]);
    expect(predicted).toMatchObject({ code: 0 });
    const [header = "", ...rows] = readFileSync(out, "utf8").trim().split("\n");
    expect(rows.length).toBeGreaterThan(200);
    const columns = header.split(",").flatMap((name, i) => (name.startsWith("p_") ? [i] : []));
    const expected = rows.flatMap((row) => columns.map((i) => Number(row.split(",")[i])));
    const { data } = StudyDocument.parse(read("study.json"));
    const raw = rawFeatures(data, readFileSync(input, "utf8"));
    const width = raw.length / rows.length;
    await startBackend("wasm");
    const bytes = (path: string) => new Uint8Array(readFileSync(join(release, path)));
    const onnx = await answersOfOnnx(bytes(RELEASE_PATHS.onnx), raw, width);
    const { tfjs, tfjsWeights } = RELEASE_PATHS;
    const graph = await answersOfTfjs(bytes(tfjs), bytes(tfjsWeights), raw, width);
    for (const answered of [onnx, graph]) {
      const apart = expected.map((value, i) => Math.abs(value - (answered[i] ?? Number.NaN)));
      expect(Math.max(...apart)).toBeLessThan(1e-5);
    }
  });
});
