/** A Cox model of all sites' training patients beside a study of times: no privacy, no audit, no ledger. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import { assert } from "@consilium/shared/failure/failure";
import type { RiskOfPatient } from "@consilium/shared/metric/concordance";
import { jsonBytes } from "@consilium/shared/release/manifest";
import { studyDigest } from "@consilium/shared/study/digest";
import { type IntervalPlace, intervalPlaceOf } from "@consilium/shared/study/survival";
import { type PreparedPatients, patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import { type CoxModel, fitCox, logHazard, type TimedPatient } from "./cox.ts";
import { timedTrainingPatients, withoutInterval } from "./coxRecords.ts";
import { patientsOfSite, recordsOf, splitKeyOf } from "./records.ts";
import { RunResult } from "./result.ts";
import type { RunOptions } from "./run.ts";
import { concordanceFigures } from "./survival.ts";

/** Fitted on exact times; judged on the same patients and by the same intervals as every other run. */
export async function simulateCox(
  options: Omit<RunOptions, "backend" | "weights">,
  penalty: number,
): Promise<RunResult> {
  const { document, records, repetition, random, folder } = options;
  const place = intervalPlaceOf(document.data);
  assert(place !== null, "train: cox is refused of a study without times");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  const sites = [];
  const training: TimedPatient[] = [];
  for (const { name } of document.sites) {
    const from = { path: recordsOf(records, name), splitKey: splitKeyOf(repetition, name), random };
    // First, for it refuses records that don't meet the contract.
    sites.push({ name, patients: await patientsOfSite(document, name, from) });
    for (const patient of await timedTrainingPatients(document.data, place, from)) training.push(patient);
  }
  const model = fitCox(training, penalty);
  const risks = sites.map(({ name, patients }) => ({ site: name, own: heldLogHazards(model, patients, place) }));
  const held = risks.reduce((sum, { own }) => sum + own.length, 0);
  const result = RunResult.parse({
    ...{ formatVersion: 1, study: document.name, studyDigest: studyDigest(document), state: "not-private" },
    ...{ reason: null, rounds: 0, seconds: Math.round(performance.now() - started) / 1000 },
    ...{ epsilon: null, delta: document.privacy.delta, recordEpsilon: null, idealEpsilon: null, sites: [] },
    noised: { auc: null, accuracy: null, bestAttackAuc: null, gatePassed: false },
    limit: document.audit.gates.maxAttackAucUpper,
    broken: ["no gate: a Cox model without privacy is no model that a study could release"],
    exact: {
      train: { patients: training.length, accuracy: null, auc: null },
      held: { patients: held, accuracy: null, auc: null },
      heldOfSites: sites.map(({ name }) => ({ site: name, accuracy: null })),
      ...{ attacks: [], bestAttackAuc: null },
      concordance: concordanceFigures(risks, place, true),
    },
    ...{ ledger: null, softwareVersion: SOFTWARE_VERSION },
  });
  await writeFileAtomically(join(folder, "study.json"), jsonBytes(document), PUBLIC_FILE_MODE);
  await writeFileAtomically(join(folder, "result.json"), jsonBytes(result), PUBLIC_FILE_MODE);
  return result;
}

/** Of the patients whom no step saw. Only the order of log hazards counts, so they stand for risks as they are. */
function heldLogHazards(model: CoxModel, patients: PreparedPatients, place: IntervalPlace): RiskOfPatient[] {
  const { featureCount: width, recordStart, labels } = patients;
  return Array.from(patientsOf(patients, "validation", "audit"), (patient) => {
    const [first, end] = [recordStart[patient] ?? 0, recordStart[patient + 1] ?? 0];
    const record = patients.features.subarray(first * width, (first + 1) * width);
    return {
      risk: logHazard(model, withoutInterval(record, place)),
      entered: end - first,
      hadEvent: labels.subarray(first, end).includes(1),
    };
  });
}
