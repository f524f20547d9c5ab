/**
 * The heart study as it stands, simulated in float64 with a seeded generator: four sites, Poisson sampling, full
 * Gaussian noise at each, momentum. A stranger's eye on the study's public choices; the product's own run is elsewhere.
 */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { requireDpSgd } from "../plan/variant.ts";

import { encodeRecord, featureLayout, featureNames } from "./features.ts";
import { plannedEpsilons } from "./noise.ts";
import { resolveStudy } from "./resolve.ts";

const HEART = new URL("../../studies/heart/", import.meta.url);
const { document } = resolveStudy({
  file: "study.yaml",
  text: readFileSync(new URL("study.yaml", HEART), "utf8"),
  readReference: (path) => readFileSync(new URL(path, HEART), "utf8"),
});
const layout = featureLayout(document.data);

interface Patient {
  readonly features: readonly number[];
  readonly label: number;
}

/** Patients of a site's file with one split; a constant 1 stands for the bias. */
function patientsOf(site: string, split: string): readonly Patient[] {
  const [header = "", ...lines] = readFileSync(new URL(`data/${site}.csv`, HEART), "utf8")
    .trim()
    .split("\n");
  const names = header.split(",");
  return lines
    .map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i] ?? "", cell])))
    .filter((row) => row.split === split)
    .map((row) => ({ features: [...encodeRecord(layout, row), 1], label: Number(row.label) }));
}

const sites = document.sites.map(({ name, patients }) => ({ name, patients, train: patientsOf(name, "train") }));
const held = document.sites.flatMap(({ name }) => patientsOf(name, "test"));

describe("[STU26] the heart study", () => {
  test("its public patients are the files' training rows, its features 29", () => {
    for (const site of sites) expect(site.train.length).toBe(site.patients);
    expect(held.length).toBe(276);
    expect(featureNames(document.data).length).toBe(29);
  });

  test("costs what its page says", () => {
    const { train, validation, audit } = plannedEpsilons(document);
    expect(train).toBeCloseTo(3.76, 2);
    expect(Math.max(train, validation, audit)).toBeLessThanOrEqual(document.privacy.epsilon);
  });

  test("with full local noise reaches the AUC of a central model over seeds", () => {
    const runs = Array.from({ length: 12 }, (_, seed) => simulate(7919 * (seed + 1)));
    const auc = meanOf(runs.map((run) => run.auc));
    const accuracy = meanOf(runs.map((run) => run.accuracy));
    expect(auc).toBeGreaterThan(0.905);
    expect(accuracy).toBeGreaterThan(0.84);
    // One run lies within .012 of .905 or above it.
    for (const run of runs) expect(run.auc).toBeGreaterThan(0.893);
  });
});

function simulate(seed: number): { auc: number; accuracy: number } {
  const uniform = mulberry32(seed);
  const width = layout.featureCount + 1;
  const weights = new Float64Array(width);
  const velocity = new Float64Array(width);
  const { samplingRate, noiseMultiplier, clippingNorm } = requireDpSgd(document).privacy;
  const { rounds, optimizer } = document.training;
  if (optimizer.name !== "sgd") throw new Error("the simulation knows sgd");
  const divisor = samplingRate * sites.reduce((total, site) => total + site.patients, 0);
  for (let round = 0; round < rounds; round++) {
    const sum = new Float64Array(width);
    for (const site of sites) {
      for (const patient of site.train) if (uniform() < samplingRate) addClipped(sum, patient, weights, clippingNorm);
      for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + noiseMultiplier * clippingNorm * normal(uniform);
    }
    for (let i = 0; i < width; i++) {
      velocity[i] = optimizer.momentum * (velocity[i] ?? 0) + (sum[i] ?? 0) / divisor;
      weights[i] = (weights[i] ?? 0) - optimizer.learningRate * (velocity[i] ?? 0);
    }
  }
  const scores = held.map((patient) => ({ score: logit(patient, weights), label: patient.label }));
  const right = scores.filter(({ score, label }) => score > 0 === (label === 1)).length;
  return { auc: aucOf(scores), accuracy: right / scores.length };
}

function addClipped(sum: Float64Array, patient: Patient, weights: Float64Array, clippingNorm: number): void {
  const error = 1 / (1 + Math.exp(-logit(patient, weights))) - patient.label;
  const norm = Math.abs(error) * Math.hypot(...patient.features);
  const scale = norm === 0 ? 0 : error * Math.min(1, clippingNorm / norm);
  patient.features.forEach((feature, i) => {
    sum[i] = (sum[i] ?? 0) + scale * feature;
  });
}

function logit({ features }: Patient, weights: Float64Array): number {
  return features.reduce((total, feature, i) => total + feature * (weights[i] ?? 0), 0);
}

/** Share of (sick, healthy) pairs in the right order, ties counting half. */
function aucOf(scores: readonly { score: number; label: number }[]): number {
  const sick = scores.filter(({ label }) => label === 1);
  const healthy = scores.filter(({ label }) => label === 0);
  const wins = sick.flatMap((s) => healthy.map((h) => (s.score > h.score ? 1 : s.score === h.score ? 0.5 : 0)));
  return meanOf(wins);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** Box–Muller; a simulation's noise protects nobody. */
function normal(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Tommy Ettinger's mulberry32: 32 bits of state, for simulations. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
