import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Failure, fromRefusal, Refusal } from "@consilium/shared/failure/failure";
import { z } from "zod";
import type { PlanJob } from "./planWork.ts";

/** The largest study of a hundred hospitals takes some seconds; a study that takes longer is planned at a terminal. */
const DEADLINE_MS = 20_000;
/** Calls that wait for their turn; whoever types asks again by then. */
const WAITING_MAX = 8;
const HEAP_MIB_MAX = 512;

export const PlanAnswer = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("done"), result: z.unknown() }),
  z.strictObject({ outcome: z.enum(["refused", "failed"]), refusal: Refusal }),
]);
export type PlanAnswer = z.infer<typeof PlanAnswer>;

/** Plans one study after another, off the thread that rounds run on; none for longer than a fixed time. */
export class PlanThread {
  readonly #file: URL;
  readonly #deadlineMs: number;
  #worker: Worker | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(file: URL = new URL("./planWorker.js", import.meta.url), deadlineMs = DEADLINE_MS) {
    this.#file = file;
    this.#deadlineMs = deadlineMs;
  }

  /** The job's result; refuses where too many wait, and where the job takes too long. */
  async run<Reply>(job: PlanJob, reply: z.ZodType<Reply>): Promise<Reply> {
    if (this.#waiting >= WAITING_MAX) throw busy();
    this.#waiting += 1;
    const mine = this.#turn.then(() => this.#do(job)).finally(() => (this.#waiting -= 1));
    this.#turn = mine.catch(() => undefined);
    return reply.parse(await mine);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = null;
  }

  async #do(job: PlanJob): Promise<unknown> {
    const worker = this.#worker ?? this.#start();
    const abort = new AbortController();
    const onExit = (): void => abort.abort(ended());
    const timer = setTimeout(() => abort.abort(tooLong(this.#deadlineMs)), this.#deadlineMs);
    try {
      worker.once("exit", onExit);
      const heard = once(worker, "message", { signal: abort.signal });
      worker.postMessage(job);
      const [message] = await heard;
      const answer = PlanAnswer.parse(message);
      if (answer.outcome === "done") return answer.result;
      if (answer.outcome === "refused") throw fromRefusal(answer.refusal);
      throw new Error("a plan failed in its thread");
    } catch (error) {
      // Whatever it does still, nobody waits for it.
      if (!(error instanceof Failure)) await this.close();
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      worker.off("exit", onExit);
      clearTimeout(timer);
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#file, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX } });
    worker.unref();
    // Nobody may be listening when it ends; the next job starts another.
    worker.on("error", () => undefined);
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = null;
    });
    this.#worker = worker;
    return worker;
  }
}

function busy(): Failure {
  return new Failure({
    code: "plan/busy",
    kind: "refused",
    what: `${WAITING_MAX} plans are waiting for this coordinator already.`,
    remedy: "Try again in a moment, or plan at a terminal: consilium plan study.yaml",
  });
}

function ended(): Error {
  return new Error("the thread that plans ended in the middle of a plan");
}

function tooLong(deadlineMs: number): Failure {
  return new Failure({
    code: "plan/too-long",
    kind: "refused",
    what: `This study is too large to plan here: it took more than ${deadlineMs / 1000} s.`,
    remedy: "Plan it at a terminal: consilium plan study.yaml",
  });
}
