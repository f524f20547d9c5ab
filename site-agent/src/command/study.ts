import { Failure, fromRefusal } from "@consilium/shared/failure/failure";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { DatasetId, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Quote } from "../approval/quote.ts";
import { requireUnchanged } from "../contract/content.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { NextDecision, StudyDetail, StudySummary } from "../control/request.ts";
import { preparedFile } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import { DatasetRecord } from "../storage/records.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, signApproval, stewardOf } from "./context.ts";
import { epsilonText, table } from "./output.ts";

export async function list(context: CommandContext): Promise<void> {
  const studies = await askSite(context, { ask: "studies" }, z.array(StudySummary));
  const rows = studies.map(({ name, state, epsilon, delta, progress, refusedBy }) => [
    name,
    state,
    `${epsilon} at δ = ${delta}`,
    progress ?? "",
    refusedBy.length === 0 ? "" : `policy refuses: ${refusedBy.map(({ rule }) => rule).join(", ")}`,
  ]);
  const none = ["No study was proposed yet. The agent hears of one as soon as it runs: consilium-site start"];
  context.output.result({ studies }, rows.length === 0 ? none : table(["study", "state", "ε", "progress", ""], rows));
}

export async function show(context: CommandContext, name: string): Promise<void> {
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  context.output.result(study, [JSON.stringify(study.document, null, 2), "", ...standing(study)]);
}

export interface ApproveOptions {
  readonly dataset: string | undefined;
  readonly steward: StewardOptions;
}

/**
 * Prepares the patients and has the steward sign exactly this document. Says before, what it costs and what leaves.
 * Data that don't meet the contract, a rule of the policy or a cap refuse before anybody is asked for a password.
 */
export async function approve(context: CommandContext, name: string, options: ApproveOptions): Promise<void> {
  const { output, folder } = context;
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  const dataset = await datasetFor(context, options.dataset);
  const quote = await askSite(context, { ask: "quote", study: study.name, dataset: dataset.dataset }, Quote);
  const { cap, refusal } = quote;
  output.say(`Study ${study.name}: ${study.purpose}`);
  output.say(`Digest ${study.digest}`);
  output.say(
    `Data set ${dataset.dataset}: ε ${epsilonText(quote.before)} → ${epsilonText(quote.after)} of ${cap?.epsilon ?? 0}`,
  );
  output.say(["Leaves this site:", ...quote.leaves].join("\n  "));
  if (refusal !== null) throw fromRefusal(refusal);
  if (cap === null) throw noCap(dataset.dataset);
  const patients = await prepare(context, study, dataset);
  const { signer } = await stewardOf(context, options.steward, `Approve ${study.name} on ${dataset.dataset}?`);
  // Only now: whoever lacks the steward's password changes nothing that a running study opens.
  const { writePrepared } = await import("../contract/preparedFile.ts");
  writePrepared(preparedFile(folder, study.digest, dataset.dataset), patients);
  await decideAs(context, signer, ({ site, steward }) =>
    signApproval(signer, {
      site,
      study: study.name,
      studyDigest: study.digest,
      dataset: dataset.dataset,
      cap,
      steward,
    }),
  );
  const { before, after } = quote;
  output.result(
    { study: study.name, digest: study.digest, dataset: dataset.dataset, before, after, folder: folder.path },
    [
      `Approved ${study.name} on ${dataset.dataset}.`,
      "Next: consilium-site status; the study starts when every site has answered.",
    ],
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
  // DuckDB is loaded for this alone.
  const [{ openTable }, { preparePatients }] = await Promise.all([
    import("../connector/table.ts"),
    import("../contract/prepare.ts"),
  ]);
  await requireUnchanged(dataset, study.document.data);
  const connector = await openTable(dataset.path);
  try {
    const published = study.document.sites.find(({ name }) => name === site)?.patients;
    const { patients, report } = await preparePatients(connector, study.document.data, {
      secret: splitKey,
      random: operatingSystemRandom,
      ...(published === undefined ? {} : { publicPatients: published }),
    });
    output.say(`Prepared ${report.patients} patients (this figure stays here).`);
    return patients;
  } finally {
    connector.close();
  }
}

async function datasetFor(context: CommandContext, name: string | undefined): Promise<DatasetRecord> {
  const datasets = await askSite(context, { ask: "datasets" }, z.array(DatasetRecord));
  const wanted = name === undefined ? null : DatasetId.parse(name);
  const fitting = datasets.filter(({ dataset }) => wanted === null || dataset === wanted);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  throw new Failure({
    code: "data/not-named",
    kind: "usage",
    what:
      wanted === null ? `There are ${datasets.length} registered data sets.` : `No data set ${wanted} is registered.`,
    remedy:
      "Name one with --dataset; see consilium-site data list, or register it: consilium-site data register NAME PATH",
  });
}

function standing({ state, reason, dataset, refusedBy }: StudySummary): string[] {
  const why = reason === null ? "" : ` (${reason})`;
  const refused = refusedBy.map(({ rule, allowed, asked }) => `Policy refuses: ${rule} ${allowed}, asked ${asked}`);
  return [`State: ${state}${why}${dataset === null ? "" : `, data set ${dataset}`}`, ...refused];
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}
