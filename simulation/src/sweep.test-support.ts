import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SiteName } from "@consilium/shared/units/identity";
import { stringify } from "yaml";
import { type Point, pointsOf } from "./points.ts";
import { readSweep, type Sweep } from "./sweepFile.ts";

const HEART = fileURLToPath(new URL("../../shared/studies/heart/", import.meta.url));

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "consilium-sweep-"));
}

/** A sweep of the heart study, shortened to a few rounds. */
export function heartSweep(folder: string, more: object): string {
  const path = join(folder, "sweep.yaml");
  const short = { "training.rounds": 3, "evaluation.every": "3 rounds" };
  const file = { apiVersion: "consilium/v1", kind: "Sweep", name: "small", question: "Does it run?" };
  writeFileSync(path, stringify({ ...file, study: join(HEART, "study.yaml"), set: short, ...more }));
  return path;
}

export function heartRecords(): ReadonlyMap<SiteName, string> {
  const sites = ["cleveland", "hungarian", "switzerland", "va"].map((name) => SiteName.parse(name));
  return new Map(sites.map((site) => [site, join(HEART, "data", `${site}.csv`)]));
}

export function onlyPoint(path: string): { readonly sweep: Sweep; readonly point: Point } {
  const sweep = readSweep(path);
  const [point] = pointsOf(sweep);
  if (point === undefined) throw new Error("a sweep has a point");
  return { sweep, point };
}

export function textOf(path: string): string {
  return readFileSync(path, "utf8");
}
