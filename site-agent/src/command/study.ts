import { Failure, fromRefusal } from "@consilium/shared/failure/failure";
import { overlapLines } from "@consilium/shared/plan/overlapLines";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { type DatasetId, type SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { ENDED } from "../approval/proposals.ts";
import { Quote } from "../approval/quote.ts";
import { requireUnchanged } from "../contract/content.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { NextDecision, StudyDetail, StudySummary } from "../control/request.ts";
import { preparedFile, sanitizedFile } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import type { DatasetRecord } from "../storage/records.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, signApproval, stewardOf } from "./context.ts";
import { describeReport, misfit } from "./contractReport.ts";
import { registeredDataset } from "./datasets.ts";
import { openNamed } from "./localFile.ts";
import { epsilonCell, runnable, table } from "./output.ts";
import { readingOf } from "./pictures.ts";
import type { PaidFile } from "./sanitizedSource.ts";

export async function list(context: CommandContext): Promise<void> {
  const studies = await askSite(context, { ask: "studies" }, z.array(StudySummary));
  const rows = studies.map(({ name, state, epsilon, delta, progress, refusedBy, frozen, offer }) => [
    name,
    `${state}${frozen ? ", frozen" : ""}${offer === null ? "" : `, ε = ${offer.epsilon} offered`}`,
    `${epsilon} at δ = ${delta}`,
    progress ?? "",
    refusedBy.length === 0 ? "" : `policy refuses: ${refusedBy.map(({ rule }) => rule).join(", ")}`,
  ]);
  const none = [runnable("No study was proposed yet. The agent hears of one as soon as it runs: consilium-site start")];
  context.output.result({ studies }, rows.length === 0 ? none : table(["study", "state", "ε", "progress", ""], rows));
}

export async function show(context: CommandContext, name: string): Promise<void> {
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  context.output.result(study, [JSON.stringify(study.document, null, 2), "", ...standing(study)]);
}

export interface ApproveOptions {
  readonly dataset: string | undefined;
  /** The data set's sanitized file, where the study trains on such. */
  readonly sanitized?: string | undefined;
  readonly steward: StewardOptions;
}

/**
 * Prepares the patients and has the steward sign exactly this document. Says before, what it costs and what leaves.
 * A rule of the policy or a cap refuse before anybody is asked for a password; without the password no record is read.
 */
export async function approve(context: CommandContext, name: string, options: ApproveOptions): Promise<void> {
  const { output, folder } = context;
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  if (study.progress !== null && ENDED.has(study.progress)) throw ended(study.name, study.progress);
  const dataset = await registeredDataset(context, options.dataset);
  const { site } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const paid = await paidFileOf(context, study, options.sanitized, { site, dataset: dataset.dataset });
  const quote = await askSite(context, { ask: "quote", study: study.name, dataset: dataset.dataset }, Quote);
  const { cap, refusal } = quote;
  output.say(`Study ${study.name}: ${study.purpose}`);
  output.say(`Digest ${study.digest}`);
  if (cap !== null) {
    const [before, after] = [epsilonCell(quote.before), epsilonCell(quote.after)];
    output.say(
      `Data set ${dataset.dataset}, over all studies, for the patients that pay most: ε ${before} now, ${after} with ` +
        `this study; its cap is ${cap.epsilon} at δ = ${cap.delta}`,
    );
  }
  if (quote.weights.length > 0) output.say(["Starts from pretrained weights:", ...quote.weights].join("\n  "));
  const overlap = overlapLines(study.document, site);
  if (overlap.length > 0) output.say(["Patients at several sites:", ...overlap].join("\n  "));
  output.say(["Leaves this site:", ...quote.leaves].join("\n  "));
  if (refusal !== null) throw fromRefusal(refusal);
  if (cap === null) throw noCap(dataset.dataset);
  // First: whoever lacks the steward's password has no record read, and changes nothing that a running study opens.
  const { signer } = await stewardOf(context, options.steward, `Approve ${study.name} on ${dataset.dataset}?`);
  const patients = await prepare(context, study, dataset);
  const { writePrepared } = await import("../contract/preparedFile.ts");
  writePrepared(preparedFile(folder, study.digest, dataset.dataset), await withStudyCanaries(patients, study));
  if (paid !== null) await prepareSanitized(context, study, dataset, paid);
  await decideAs(context, signer, ({ site, steward, number }) =>
    signApproval(signer, {
      number,
      site,
      study: study.name,
      studyDigest: study.digest,
      dataset: dataset.dataset,
      cap,
      steward,
      ...(paid === null ? {} : { sanitized: paid.charge }),
    }),
  );
  const { before, after } = quote;
  output.result(
    { study: study.name, digest: study.digest, dataset: dataset.dataset, before, after, folder: folder.path },
    [
      `Approved ${study.name} on ${dataset.dataset}.`,
      runnable("Next: consilium-site status; the lead starts the study, once enough sites have approved."),
    ],
  );
}

/** The file that a study on sanitized records needs, and no other study takes. */
async function paidFileOf(
  context: CommandContext,
  { name, document }: StudyDetail,
  path: string | undefined,
  of: { readonly site: SiteName; readonly dataset: DatasetId },
): Promise<PaidFile | null> {
  const isNeeded = document.privacy.mechanism === "sanitized";
  if (isNeeded !== (path !== undefined)) throw isNeeded ? sanitizedMissing(name, of.dataset) : notOnSanitized(name);
  if (path === undefined) return null;
  const { paidFile } = await import("./sanitizedSource.ts");
  return paidFile(context, path, of);
}

async function prepareSanitized(
  context: CommandContext,
  study: StudyDetail,
  { dataset }: DatasetRecord,
  paid: PaidFile,
): Promise<void> {
  const { sanitizedPatients } = await import("./sanitizedSource.ts");
  const { patients, report } = await sanitizedPatients(context, paid, study.document.data);
  const { writeSanitized } = await import("../contract/preparedFile.ts");
  writeSanitized(sanitizedFile(context.folder, study.digest, dataset, paid.charge), patients);
  context.output.say(
    `Prepared ${patients.parts.length} sanitized training patients of ${report.patients} (these figures stay here); ` +
      `training on them is post-processing of ${paid.charge}.`,
  );
}

export interface RejectOptions {
  readonly reason: string;
  readonly steward: StewardOptions;
}

/** Rejects a study, or withdraws the approval of one: from then on this site declines its rounds. */
export async function reject(context: CommandContext, name: string, options: RejectOptions): Promise<void> {
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  const action = study.state === "approved" ? "veto" : "reject";
  const question = action === "veto" ? `Withdraw the approval of ${study.name}?` : `Reject ${study.name}?`;
  const { signer } = await stewardOf(context, options.steward, question);
  const { reason } = options;
  await decideAs(context, signer, () => ({ action, study: study.name, studyDigest: study.digest, reason }));
  const done = action === "veto" ? "Withdrew the approval of" : "Rejected";
  context.output.result({ study: study.name, digest: study.digest, action, reason }, [`${done} ${study.name}.`]);
}

async function prepare(context: CommandContext, study: StudyDetail, dataset: DatasetRecord): Promise<PreparedPatients> {
  const { folder, output } = context;
  const { site } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const { splitKey } = await readKeys(folder);
  const { ContractViolated, preparePatients } = await import("../contract/prepare.ts");
  const connector = await openNamed(dataset.path, readingOf(context, dataset.dataset));
  try {
    await requireUnchanged(dataset, study.document.data);
    const published = study.document.sites.find(({ name }) => name === site)?.patients;
    const { patients, report } = await preparePatients(connector, study.document.data, {
      secret: splitKey,
      random: operatingSystemRandom,
      ...(published === undefined ? {} : { publicPatients: published }),
    });
    output.say(`Prepared ${report.patients} patients (this figure stays here).`);
    if (report.violations.length > 0) output.say(describeReport(report).slice(1).join("\n"));
    return patients;
  } catch (error) {
    if (!(error instanceof ContractViolated)) throw error;
    // The table itself: the hospital has the proposal, not the study's file.
    const { report } = error;
    output.result({ study: study.name, dataset: dataset.dataset, contract: report }, describeReport(report));
    throw misfit(report, `consilium-site study approve ${study.name} --dataset ${dataset.dataset}`);
  } finally {
    await connector.close();
  }
}

async function withStudyCanaries(
  patients: PreparedPatients,
  { document }: Pick<StudyDetail, "document">,
): Promise<PreparedPatients> {
  const { data, audit } = document;
  if (audit.canaries === undefined) return patients;
  const { withCanaries } = await import("../contract/canaries.ts");
  return withCanaries(patients, data, audit.canaries, operatingSystemRandom);
}

function standing({ state, reason, dataset, refusedBy }: StudySummary): string[] {
  const why = reason === null ? "" : ` (${reason})`;
  const refused = refusedBy.map(({ rule, allowed, asked }) => `Policy refuses: ${rule} ${allowed}, asked ${asked}`);
  return [`State: ${state}${why}${dataset === null ? "" : `, data set ${dataset}`}`, ...refused];
}

function sanitizedMissing(study: StudyName, dataset: DatasetId): Failure {
  return new Failure({
    code: "study/needs-sanitized",
    kind: "usage",
    what: `Study ${study} trains on sanitized records, and none are named.`,
    remedy: `Make them once (consilium-site sanitize --in ${dataset} …), then name the file: --sanitized FILE`,
  });
}

function notOnSanitized(study: StudyName): Failure {
  return new Failure({
    code: "study/not-on-sanitized",
    kind: "usage",
    what: `Study ${study} trains on the records themselves, with noise on each step: a sanitized file has no part in it.`,
    remedy: "Leave --sanitized out.",
  });
}

function ended(study: StudyName, state: string): Failure {
  return new Failure({
    code: "study/ended",
    kind: "refused",
    what: `Study ${study} is ${state} already: approving it again would change nothing, so nothing was charged or signed.`,
    remedy: "See what it cost: consilium-site budget show. To train again, have a new study proposed.",
  });
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}
