/** All runs of a sweep, a few processes at a time; what was run before is not run again. */
import { type ChildProcess, fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SOFTWARE_VERSION } from "@consilium/coordinator/version";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { nearest } from "@consilium/shared/study/issues";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { keyFile, keyOf, type Order, recordPaths, resultKept, WorkerReply } from "./order.ts";
import { type Point, pointsOf, slug, studyAt } from "./points.ts";
import { oddities, splitKeyOf } from "./records.ts";
import type { RunResult } from "./result.ts";
import type { Sweep } from "./sweepFile.ts";

export interface SweepOptions {
  readonly sweep: Sweep;
  readonly out: string;
  /** Processes at once. */
  readonly jobs: number;
  /** Studies run with real processes. */
  readonly isReal: boolean;
  /** Points whose id holds this text. */
  readonly only: string | undefined;
  /** Called once every study is resolved, before records are read and anything is run. */
  readonly onResolved: () => void;
  /** Called for what is odd about the records, before anything is run. */
  readonly onOddity: (what: string) => void;
  /** Called at every step forward. */
  readonly onProgress: (progress: SweepProgress) => void;
}

export interface SweepProgress {
  readonly runs: number;
  readonly done: number;
  /** Of those, results that were there already. */
  readonly kept: number;
  readonly failed: number;
  /** Runs under way, and how many steps each has made. */
  readonly running: ReadonlyMap<string, number>;
}

/** A point with whatever its runs came to. */
export interface PointResult {
  readonly point: Point;
  readonly runs: readonly { readonly repetition: number; readonly folder: string; readonly result: RunResult }[];
  readonly failures: readonly { readonly repetition: number; readonly why: string }[];
}

/** Every study is resolved before any is run: a fault in the last point is found at once. */
export async function runSweep(options: SweepOptions): Promise<readonly PointResult[]> {
  const { sweep, out, only, isReal } = options;
  const points = pointsOf(sweep);
  const asked = points.filter(({ id }) => only === undefined || id.includes(only) || id.includes(slug(only)));
  if (asked.length === 0) throw noPoint(only ?? "", points);
  if (isReal && sweep.file.curve !== undefined) throw noCurve();
  const all = await ordersOf(sweep, points, { out: resolve(out), isReal });
  const orders = all.filter(({ point }) => asked.includes(point));
  options.onResolved();
  for (const oddity of await odditiesOf(sweep, orders)) options.onOddity(oddity);
  const failures = await carryOutAll(options, orders);
  return points.flatMap((point) => {
    const own = all.filter((order) => order.point === point);
    // What others came to before stays on the page.
    if (!asked.includes(point) && own.every((order) => resultKept(order) === null)) return [];
    return {
      point,
      runs: own.flatMap((order) => {
        const result = resultKept(order);
        return result === null ? [] : [{ repetition: order.repetition, folder: order.folder, result }];
      }),
      failures: own.flatMap((order) => {
        const why = failures.get(order);
        return why === undefined ? [] : [{ repetition: order.repetition, why }];
      }),
    };
  });
}

function noCurve(): Failure {
  return new Failure({
    code: "sweep/no-real-curve",
    kind: "usage",
    what: "The sweep asks for learning curves (curve), and with real processes nobody holds records and model together.",
    remedy: "Leave out --real, or curve and the plots of kind curves.",
  });
}

function noCurveOfTimes(): Failure {
  return new Failure({
    code: "sweep/no-curve-of-times",
    kind: "config",
    what: "The sweep asks for learning curves (curve), which are of accuracy, and a study of times has none.",
    remedy: "Leave out curve and the plots of kind curves.",
  });
}

/** Records are read once before all runs: a fault in them is told once, and what is odd before it is a figure. */
async function odditiesOf(sweep: Sweep, orders: readonly Order[]): Promise<readonly string[]> {
  const [waiting] = orders.filter((order) => resultKept(order) === null);
  if (waiting === undefined) return [];
  const { document } = waiting.study;
  const paths = recordPaths(
    sweep,
    document.sites.map(({ name }) => name),
  );
  const found: string[] = [];
  for (const [name, path] of paths) {
    const splitKey = splitKeyOf(waiting.repetition, name);
    found.push(...(await oddities(document, name, { path, splitKey, random: operatingSystemRandom })));
    const twin = [...paths].find(([other, same]) => same === path && other < name);
    if (twin !== undefined) found.push(`${name} and ${twin[0]} have the same records, ${path}`);
  }
  return found;
}

/** A site that no study of the sweep has was meant to be another. */
function refuseUnknownSites({ file }: Sweep, orders: readonly Order[]): void {
  const sites = new Set(orders.flatMap(({ study }) => study.document.sites.map(({ name }) => name as string)));
  const unknown = Object.keys(file.records).find((name) => !sites.has(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, [...sites]);
  throw new Failure({
    code: "sweep/no-such-site",
    kind: "config",
    what: `The sweep names records of ${unknown}, which is no site of its study.`,
    remedy: near === null ? `Its sites: ${[...sites].join(", ")}.` : `Did you mean ${near}?`,
  });
}

/** Every point's study, or every point that can be none. */
function studiesAt(sweep: Sweep, points: readonly Point[]): readonly Pick<Order, "point" | "study">[] {
  const faults: Failure[] = [];
  const studies = points.flatMap((point) => {
    try {
      return [{ point, study: studyAt(sweep, point) }];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      faults.push(error);
      return [];
    }
  });
  const [first] = faults;
  if (first === undefined) return studies;
  const { code, kind, remedy } = first;
  const what = faults.slice(0, POINTS_SHOWN).map(({ message }) => message);
  const more = faults.length > POINTS_SHOWN ? [`… and ${faults.length - POINTS_SHOWN} points more.`] : [];
  throw new Failure({ code, kind, what: [...what, ...more].join("\n"), remedy, cause: first });
}

const POINTS_SHOWN = 20;

function noPoint(only: string, points: readonly Point[]): Failure {
  return new Failure({
    code: "sweep/no-point",
    kind: "usage",
    what: `No point's name contains ${JSON.stringify(only)}; nothing was run.`,
    remedy: `Its points: ${points
      .slice(0, POINTS_SHOWN)
      .map(({ id }) => id)
      .join(", ")}${points.length > POINTS_SHOWN ? ", …" : ""}.`,
  });
}

async function ordersOf(
  sweep: Sweep,
  points: readonly Point[],
  { out, isReal }: Pick<SweepOptions, "out" | "isReal">,
): Promise<readonly Order[]> {
  const orders: Order[] = [];
  const { curve } = sweep.file;
  for (const { point, study } of studiesAt(sweep, points)) {
    if (curve !== undefined && study.document.data.survival !== undefined) throw noCurveOfTimes();
    const records = recordPaths(
      sweep,
      study.document.sites.map(({ name }) => name),
    );
    for (let repetition = 1; repetition <= sweep.file.repetitions; repetition++) {
      const key = await keyOf({ study, point, repetition, isReal, curve }, records, SOFTWARE_VERSION);
      orders.push({ point, study, repetition, isReal, key, folder: join(out, "runs", `${point.id}-r${repetition}`) });
    }
  }
  refuseUnknownSites(sweep, orders);
  return orders;
}

/** Resolves to why runs failed: the others are carried out all the same. */
async function carryOutAll(
  { sweep, jobs, onProgress }: SweepOptions,
  orders: readonly Order[],
): Promise<ReadonlyMap<Order, string>> {
  const waiting = orders.filter((order) => resultKept(order) === null);
  const failures = new Map<Order, string>();
  const running = new Map<string, number>();
  const [runs, kept] = [orders.length, orders.length - waiting.length];
  let done = kept;
  const tell = (): void => onProgress({ runs, done, kept, failed: failures.size, running });
  tell();
  const serve = async (): Promise<void> => {
    const worker = new Worker(sweep.path);
    try {
      for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
        const name = `${order.point.id}-r${order.repetition}`;
        running.set(name, 0);
        tell();
        const why = await worker.carryOut(order, () => {
          running.set(name, (running.get(name) ?? 0) + 1);
          tell();
        });
        running.delete(name);
        if (why === null) writeFileSync(keyFile(order.folder), `${order.key}\n`);
        else failures.set(order, why);
        done += 1;
        tell();
      }
    } finally {
      worker.stop();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, waiting.length) }, serve));
  return failures;
}

/** A process that carries out one order after another, started again where it ended. */
class Worker {
  readonly #sweepPath: string;
  #child: ChildProcess | null = null;

  constructor(sweepPath: string) {
    this.#sweepPath = sweepPath;
  }

  /** Null, or why it failed. */
  carryOut({ point, repetition, isReal, folder }: Order, onStep: () => void): Promise<string | null> {
    const child = this.#running();
    return new Promise((settle) => {
      const ended = (why: string | null): void => {
        child.off("message", hear);
        child.off("exit", lost);
        settle(why);
      };
      const hear = (message: unknown): void => {
        const reply = WorkerReply.parse(message);
        if (reply.type === "progress") onStep();
        else ended(reply.type === "done" ? null : reply.why);
      };
      const lost = (code: number | null, signal: string | null): void => {
        this.#child = null;
        ended(`its process ended by itself (${signal ?? `code ${code}`}); memory may have run out`);
      };
      child.on("message", hear);
      child.on("exit", lost);
      child.send({ id: point.id, repetition, isReal, folder });
    });
  }

  stop(): void {
    this.#child?.removeAllListeners("exit");
    this.#child?.kill();
  }

  #running(): ChildProcess {
    const file = new URL("./worker.js", import.meta.url);
    this.#child ??= fork(file, [this.#sweepPath], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    assert(this.#child.connected, "a worker that runs can be told");
    return this.#child;
  }
}
