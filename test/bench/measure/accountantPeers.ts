/** The accountants' tasks by dp_accounting and Opacus, where a Python has them. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { AccountantTask } from "./accountantTasks.ts";
import { PYTHON_VARIABLE } from "./peers.ts";

const SCRIPT = fileURLToPath(new URL("../../peers/accountants.py", import.meta.url));

const PeerTask = z.union([
  z.strictObject({ times: z.array(z.number()).min(1) }),
  z.strictObject({ skipped: z.string() }),
]);
/** Milliseconds of processor time of each task's runs, by the task's name there; or why there are none. */
const Peer = z.union([
  z.strictObject({ version: z.string(), peakRssMiB: z.number(), tasks: z.record(z.string(), PeerTask) }),
  z.strictObject({ why: z.string() }),
]);
export type AccountantPeer = z.infer<typeof Peer>;

export const AccountantPeers = z.strictObject({ dp_accounting: Peer, opacus: Peer });
export type AccountantPeers = z.infer<typeof AccountantPeers>;

export function timeAccountantPeers(
  environment: Readonly<Record<string, string | undefined>>,
  tasks: readonly AccountantTask[],
): AccountantPeers {
  if (tasks.length === 0) return neither("no task was asked");
  const python = environment[PYTHON_VARIABLE] || "python3";
  process.stderr.write(`privacy: ${tasks.length} tasks by dp_accounting and Opacus, in ${python}\n`);
  const names = tasks.map(({ peer }) => peer);
  const { status, stdout, stderr, error } = spawnSync(python, ["-W", "ignore", SCRIPT, ...names], { encoding: "utf8" });
  if (error !== undefined) return neither(`${python} can't be started`);
  if (status !== 0) return neither(stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "it failed");
  return AccountantPeers.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}

function neither(why: string): AccountantPeers {
  return { dp_accounting: { why }, opacus: { why } };
}
