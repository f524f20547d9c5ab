import type { AccountantPeer, AccountantPeers } from "./accountantPeers.ts";
import { ACCOUNTANT_TASKS, type AccountantTask } from "./accountantTasks.ts";
import { quantile } from "./quantile.ts";
import { type BenchCase, type Comparison, skippedCase, timedCase } from "./report.ts";

export const accountantNames: readonly string[] = ACCOUNTANT_TASKS.map(({ name }) => name);

/** Each task here, then by each peer. A task that fails is told in its place, and by the exit code. */
export async function accountantCases(
  tasks: readonly AccountantTask[],
  peers: AccountantPeers,
): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const task of tasks) {
    process.stderr.write(`privacy: ${task.name}\n`);
    const others = Object.entries(peers).map(([backend, peer]) => peerCase(task, backend, peer));
    cases.push(await ownCase(task, others), ...others);
  }
  return cases;
}

async function ownCase(task: AccountantTask, others: readonly BenchCase[]): Promise<BenchCase> {
  try {
    const times = await task.times();
    const of = { name: task.name, backend: "node", peakRssMiB: process.resourceUsage().maxRSS / 1024, times };
    return timedCase(of, comparison(quantile(times, 0.5), others));
  } catch (error) {
    process.exitCode = 1;
    return skippedCase(task.name, "node", `it failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** With the first peer that has a figure. */
function comparison(median: number, others: readonly BenchCase[]): Comparison | null {
  for (const other of others) {
    if (other.skipped === null) return { name: other.backend, median: other.median, ratio: median / other.median };
  }
  return null;
}

/** A peer's memory is that of its one process, all its tasks in it. */
function peerCase({ name, peer }: AccountantTask, backend: string, of: AccountantPeer): BenchCase {
  if ("why" in of) return skippedCase(name, backend, of.why);
  const task = of.tasks[peer];
  if (task === undefined) return skippedCase(name, backend, "it has no such task");
  if ("skipped" in task) return skippedCase(name, backend, task.skipped);
  return timedCase({ name, backend, peakRssMiB: of.peakRssMiB, times: task.times }, null);
}
