/** Thread that plans studies: a plan takes tenths of a second, which rounds need not wait for. */
import { parentPort } from "node:worker_threads";
import { Failure, toRefusal } from "@consilium/shared/failure/failure";
import type { PlanAnswer } from "./planThread.ts";
import { doPlanJob, type PlanJob } from "./planWork.ts";

// Only this program's own thread posts here.
parentPort?.on("message", (job: PlanJob) => parentPort?.postMessage(answerTo(job)));

function answerTo(job: PlanJob): PlanAnswer {
  try {
    return { outcome: "done", result: doPlanJob(job) };
  } catch (error) {
    return { outcome: error instanceof Failure ? "refused" : "failed", refusal: toRefusal(error) };
  }
}
