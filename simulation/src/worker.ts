/** Carries out runs of one sweep, one after another, in a process of its own: its models' memory is its own too. */
import { startBackend } from "@consilium/engine/backend";
import { assert, Failure } from "@consilium/shared/failure/failure";
import type { StudyDocument } from "@consilium/shared/study/document";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { simulateCox } from "./coxRun.ts";
import { simulateOpenly } from "./openRun.ts";
import { recordPaths, WorkerOrder, type WorkerReply } from "./order.ts";
import { pointsOf, studyAt, writeStudyAt } from "./points.ts";
import { runForReal } from "./realRun.ts";
import { simulate } from "./run.ts";
import { readSweep } from "./sweepFile.ts";

const [path = ""] = process.argv.slice(2);
const sweep = readSweep(path);
const points = new Map(pointsOf(sweep).map((point) => [point.id, point]));
const backend = startBackend();

async function carryOut({ id, repetition, isReal, folder }: WorkerOrder): Promise<void> {
  const point = points.get(id);
  assert(point !== undefined, "an order names a point of the sweep that both sides read");
  const { document, weights } = studyAt(sweep, point);
  const options = {
    ...{ document, weights, folder, repetition, random: operatingSystemRandom, backend: await backend },
    records: recordPaths(
      sweep,
      document.sites.map(({ name }) => name),
    ),
    ...(point.sanitize === undefined ? {} : { sanitize: { rule: point.sanitize, schema: sweep.studyPath } }),
    ...(sweep.file.curve === undefined ? {} : { curveEvery: sweep.file.curve }),
    ...(point.unproven === undefined ? {} : { unproven: point.unproven }),
    onProgress: () => reply({ type: "progress" }),
  };
  if (point.penalty !== undefined) {
    await simulateCox(options, point.penalty);
    return;
  }
  if (point.train !== "study" && point.train !== "cox") {
    await simulateOpenly(options, point.train);
    return;
  }
  const writeStudy = (into: string): string => writeStudyAt(sweep, point, into);
  const { state, reason } = isReal ? await runForReal({ ...options, writeStudy }) : await simulate(options);
  // Half a training is no figure of the study.
  if (state === "paused" || state === "aborted") throw cutShort(document, state, reason);
}

function cutShort({ name }: StudyDocument, state: string, reason: string | null): Failure {
  return new Failure({
    code: "sweep/cut-short",
    kind: "fault",
    what: `${name} ended ${state}: ${reason ?? "no reason is known"}.`,
    remedy: "Run the sweep again, with fewer --jobs or a longer training.deadline where sites were too slow.",
  });
}

function reply(message: WorkerReply): void {
  process.send?.(message);
}

process.on("message", (message: unknown) => {
  carryOut(WorkerOrder.parse(message)).then(
    () => reply({ type: "done" }),
    (error: unknown) => reply({ type: "failed", why: whyOf(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
// Whatever runs for this one ends with it.
process.on("SIGTERM", () => process.exit(143));
// A terminal's Ctrl-C goes to every process: the one that gives orders decides.
process.on("SIGINT", () => undefined);

function whyOf(error: unknown): string {
  if (error instanceof Failure) return `${error.message} ${error.remedy}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
