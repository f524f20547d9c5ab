/** Carries out runs of one sweep, one after another, in a process of its own: its models' memory is its own too. */
import { startBackend } from "@consilium/engine/backend";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
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
  if (point.train !== "study") await simulateOpenly(options, point.train);
  else if (isReal) await runForReal({ ...options, writeStudy: (into) => writeStudyAt(sweep, point, into) });
  else await simulate(options);
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
// A terminal's Ctrl-C goes to every process: the one that gives orders decides.
process.on("SIGINT", () => undefined);

function whyOf(error: unknown): string {
  if (error instanceof Failure) return `${error.message} ${error.remedy}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
