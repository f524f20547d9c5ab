import { weightsOfStudy } from "@consilium/shared/study/network";
import { readStudyFile } from "@consilium/storage/studyFile";
import type { Command } from "commander";
import { StudyDetail, StudyList } from "../http/views.ts";
import { WeightsReceipt, weightsPath } from "../http/weights.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print, table } from "./output.ts";
import { registerStudyRevise } from "./studyRevise.ts";
import { registerStudySweep } from "./studySweep.ts";
import { howToResume, watchStudy } from "./watch.ts";

export function registerStudy(program: Command): void {
  const study = program.command("study").description("studies, from proposal to release");
  withClientOptions(
    study.command("propose").description("freeze a study file, sign it and send it to its sites").argument("<file>"),
  ).action(propose);
  withClientOptions(study.command("list").description("all studies, newest first")).action(list);
  withClientOptions(study.command("show").description("one study: answers and moves").argument("<study>")).action(show);
  for (const [action, description] of ACTIONS) {
    withClientOptions(study.command(action).description(description).argument("<study>"))
      .option("--reason <text>", "why; kept in the ledger", `${action} by the lead`)
      .action((name: string, options: ClientOptions & { reason: string }) => act(name, action, options));
  }
  registerStudyRevise(study);
  registerStudySweep(study);
  withClientOptions(
    study.command("watch").description("follow a study to its end; exits 6 where the gate refused").argument("<study>"),
  ).action(async (name: string, options: ClientOptions) => {
    process.exitCode = await watchStudy(await Client.of(options), name, options.json === true);
  });
}

const ACTIONS = [
  ["start", "start training once enough sites have approved"],
  ["pause", "pause after the round that runs"],
  ["resume", "go on with a paused study"],
  ["stop", "end a study for good: no model is released, what was spent stays spent"],
] as const;

async function propose(file: string, options: ClientOptions): Promise<void> {
  const { document, digest, warnings, weights } = readStudyFile(file);
  const client = await Client.of(options);
  for (const warning of warnings) hint(`warning: ${warning.message}`);
  const named = weightsOfStudy(document);
  if (named !== undefined && weights !== null) {
    await client.postBytes(weightsPath(named.digest), weights, WeightsReceipt);
  }
  const detail = await client.post("/api/studies", document, StudyDetail);
  print(
    options.json,
    { study: detail.name, digest, state: detail.state },
    `${detail.name} is proposed; digest ${digest}`,
  );
  if (options.json !== true) hint(`next, at each site: consilium-site study approve ${detail.name}`);
}

async function list(options: ClientOptions): Promise<void> {
  const all = await (await Client.of(options)).get("/api/studies", StudyList);
  const rows = all.studies.map((study) => [
    study.name,
    study.state,
    `${study.committedRounds}/${study.rounds}${study.endedEarly === null ? "" : ", ended early"}`,
    study.offers === 0 ? (study.reason ?? "") : `${study.offers} counter-offers: consilium study show ${study.name}`,
  ]);
  print(options.json, all, table(["study", "state", "rounds", "why"], rows));
}

async function show(name: string, options: ClientOptions): Promise<void> {
  const detail = await (await Client.of(options)).get(`/api/studies/${encodeURIComponent(name)}`, StudyDetail);
  const answers = detail.approvals.map(({ site, answer, reason, offer }) => [
    site,
    offer === null ? answer : `offers ε = ${offer.epsilon}`,
    reason ?? "",
  ]);
  const moves = detail.moves.map(({ at, from, to, by, reason }) => [at, `${from} → ${to}`, by, reason]);
  const text = [
    `${detail.name}: ${detail.state}, round ${detail.committedRounds} of ${detail.rounds}`,
    ...(detail.endedEarly === null ? [] : [detail.endedEarly]),
    `digest ${detail.digest}`,
    "",
    table(["site", "answer", "why"], answers),
    "",
    table(["at", "move", "by", "why"], moves),
  ];
  print(options.json, detail, text.join("\n"));
  if (detail.offers > 0 && options.json !== true) hint(`what adopts the offers: consilium study revise ${name}`);
  if (detail.state === "paused" && options.json !== true) hint(howToResume(name));
}

async function act(
  name: string,
  action: string,
  { reason, ...options }: ClientOptions & { reason: string },
): Promise<void> {
  const client = await Client.of(options);
  const path = `/api/studies/${encodeURIComponent(name)}/actions`;
  const detail = await client.post(path, { action, reason }, StudyDetail);
  print(options.json, { study: detail.name, state: detail.state }, `${detail.name} is ${detail.state}`);
  if (action === "start" && options.json !== true) hint(`next: consilium study watch ${name}`);
}
