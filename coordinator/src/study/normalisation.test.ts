import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Normalisation } from "@consilium/shared/normalisation/columnScales";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, signManifest } from "@consilium/shared/release/manifest";
import { readModelFile } from "@consilium/shared/release/model";
import { verifyRelease } from "@consilium/shared/release/verify";
import type { StudyDocument } from "@consilium/shared/study/document";
import { afterEach, describe, expect, test } from "vitest";
import { listReleases } from "../storage/releases.ts";
import { normalisationKept } from "../storage/results.ts";
import { newestRounds, openRound } from "../storage/rounds.ts";
import { Consortium, coordinatorSigner, smallStudy } from "./consortium.test-support.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newConsortium(): Promise<Consortium> {
  const consortium = await Consortium.open();
  folders.push(consortium.folder);
  return consortium;
}

const quantiles = { by: "quantiles", noiseMultiplier: 2, columns: ["chol"], bins: 20 };
const study = (): StudyDocument => smallStudy({ rounds: 6, normalisation: quantiles });
const announced = ({ sites }: Consortium) =>
  (sites[0]?.heard ?? []).flatMap((message) => (message.type === "round-announced" ? [message.round] : []));

async function releaseOf({ world }: Consortium): Promise<Map<string, Uint8Array>> {
  const path = listReleases(world.sql)[0]?.path ?? "";
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)));
}

function failedChecks(files: ReadonlyMap<string, Uint8Array>): string[] {
  const { checks } = verifyRelease((name) => files.get(name) ?? null, [...files.keys()], coordinatorSigner.publicKey);
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}

describe("[NOR4] a study's columns are normalised once, before its first step", () => {
  test("one round, charged once at each site, whose scales every later round and the release bear", async () => {
    const consortium = await newConsortium();
    const document = study();
    await consortium.begin(document);
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const { world, sites, store } = consortium;
    const rounds = [...newestRounds(world.sql, document.name, 100)].reverse();
    expect(rounds.map(({ key }) => `${key.purpose[0]}${key.round}`).join(" ")).toBe("n0 t1 t2 t3 t4 t5 e5 t6 a6");
    const charges = [...store.state.charges.values()].filter(({ body }) => body.charge.includes("/normalise-0."));
    expect(charges.map(({ state, body: { part, event } }) => ({ state, part, event }))).toEqual(
      sites.map(() => ({
        state: "committed",
        part: "train",
        event: { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, noiseMultiplier: 2, count: 1 },
      })),
    );
    const [first, ...later] = announced(consortium);
    expect(first?.key.purpose).toBe("normalise");
    expect(first?.scales).toBeUndefined();
    const kept = normalisationKept(world.sql, document.name);
    expect(kept?.scales).toHaveLength(1);
    // 1,200 patients evenly over the second tenth of the range: its middle, and nine tenths of half its width.
    expect(kept?.scales[0]).toMatchObject({ column: "chol", from: "statistics" });
    expect(kept?.scales[0]?.centre).toBeCloseTo(-0.8, 2);
    expect(kept?.scales[0]?.spread).toBeCloseTo(0.09, 2);
    for (const { scales } of later) expect(scales).toEqual(kept?.scales);
    const files = await releaseOf(consortium);
    expect(failedChecks(files)).toEqual([]);
    expect(readModelFile(document, files.get(RELEASE_PATHS.model) ?? new Uint8Array()).scales).toEqual(kept?.scales);
    const card = Buffer.from(files.get(RELEASE_PATHS.card) ?? []).toString();
    expect(card).toMatch(/`chol`: \(value − 12\S*\) \/ 18\.9, value clipped to its public range/);
    expect(consortium.errors).toEqual([]);
    await consortium.crash();
  });

  test("[REL4] scales that don't follow from the charged sums are refused, whoever signs them", async () => {
    const consortium = await newConsortium();
    await consortium.begin(study());
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const files = await releaseOf(consortium);
    const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    const honest = Normalisation.parse(signed?.manifest.normalisation);
    const lies: Record<string, Normalisation | undefined> = {
      "another scale": { ...honest, scales: honest.scales.map((scale) => ({ ...scale, spread: 0.5 })) },
      "other sums": { ...honest, sums: honest.sums.map((sum) => sum + 1) },
      "a site less": { ...honest, contributors: honest.contributors.slice(1) },
      none: undefined,
    };
    for (const [name, normalisation] of Object.entries(lies)) {
      if (signed === null) throw new Error("the release has a manifest");
      const { normalisation: _, ...rest } = signed.manifest;
      const manifest = normalisation === undefined ? rest : { ...rest, normalisation };
      const lying = new Map(files).set(RELEASE_PATHS.manifest, jsonBytes(signManifest(manifest, coordinatorSigner)));
      expect(failedChecks(lying), name).toContain("normalisation");
    }
    await consortium.crash();
  });

  test("a coordinator that was killed goes on with the same scales", async () => {
    const before = await newConsortium();
    const document = smallStudy({ rounds: 60, normalisation: quantiles, answerMs: 20 });
    await before.begin(document);
    while ((openRound(before.world.sql, document.name)?.key.round ?? 0) < 3)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const kept = normalisationKept(before.world.sql, document.name);
    await before.crash();
    for (const site of before.sites) site.heard.splice(0);
    const after = await Consortium.open(before.folder, before.sites);
    await after.studies.resumeAll();
    for (const { name } of after.sites) after.studies.onConnected(name);
    while (announced(after).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(kept).toBeDefined();
    for (const { key, scales } of announced(after)) {
      expect(key.purpose).not.toBe("normalise");
      expect(digestOfJson(scales)).toBe(digestOfJson(kept?.scales));
    }
    await after.crash();
  });

  test("a site that was silent has no part in the scales, and hears them all the same", async () => {
    const consortium = await newConsortium();
    const [site] = consortium.sites;
    if (site !== undefined) site.habit = "silent";
    await consortium.begin(study());
    while (announced(consortium).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await consortium.until("heart", "released", "rejected", "paused")).toBe("released");
    const kept = normalisationKept(consortium.world.sql, study().name);
    expect(kept?.contributors).toEqual(consortium.sites.slice(1).map(({ name }) => name));
    expect(announced(consortium).at(-1)?.scales).toEqual(kept?.scales);
    await consortium.crash();
  });
});
