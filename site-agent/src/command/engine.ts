import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NativeKind, type NativeRecord } from "@consilium/engine/nativeEngine";
import { Failure } from "@consilium/shared/failure/failure";
import { AgentStatus } from "../control/request.ts";
import { ask } from "../control/socket.ts";
import { choiceRule } from "../device/engineChoice.ts";
import { studyLine, workerLine } from "../device/status.ts";
import { NO_INPUTS, readInputs } from "../nativeEngine/inputs.ts";
import { install } from "../nativeEngine/install.ts";
import { alone } from "../nativeEngine/lock.ts";
import { type EngineStatus, engineStatus } from "../nativeEngine/status.ts";
import type { DataFolder } from "../storage/folder.ts";
import type { Output } from "./output.ts";

export interface InstallFlags {
  readonly folder: string;
  readonly fromPypi?: boolean;
  readonly from?: readonly string[];
  readonly sha256?: string;
  readonly gpu?: boolean;
}

/** Builds a native engine, proves it and puts it where every process of this installation looks for one. */
export async function installEngine(
  output: Output,
  environment: NodeJS.ProcessEnv,
  flags: InstallFlags,
): Promise<void> {
  const { folder, from, fromPypi = false, sha256, gpu = false } = flags;
  if ((from !== undefined) === fromPypi) throw notOneSource();
  if (sha256 !== undefined && (from === undefined || !/^[0-9a-f]{64}$/.test(sha256))) throw badDigest();
  const record = await install({
    folder,
    kind: gpu ? "gpu" : "cpu",
    inputs: from === undefined ? NO_INPUTS : await readInputs(from),
    sha256: sha256 ?? null,
    environment,
    say: (line) => output.say(line),
    now: () => new Date(),
  });
  output.result({ folder, ...record }, [
    `Installed: ${recordLine(record)}.`,
    `Self-test: ${Object.entries(record.selfTest.errors)
      .map(([name, error]) => `${name} within ${error.toExponential(0)}`)
      .join(", ")} of plain loops.`,
    "The agent uses it from its next start. Next: consilium-site engine status",
  ]);
}

/** Which backend runs, how fast, and why not a faster one; and what the agent of a data folder, if it runs, does. */
export async function showEngine(output: Output, folder: string, site: DataFolder): Promise<void> {
  const [status, agent] = await Promise.all([engineStatus(folder), ask(site.socket, { ask: "status" })]);
  if (agent === null) {
    output.result({ ...status, agent: null }, statusLines(status));
    return;
  }
  const { site: name, backend, workers, studies } = AgentStatus.parse(agent.answer);
  output.result({ ...status, agent: { site: name, backend, workers, studies } }, [
    ...statusLines(status),
    `agent      ${name}: ${backend}`,
    ...workers.map((worker) => `worker     ${workerLine(worker)}`),
    ...studies.map((study) => `study      ${studyLine(study)}`),
  ]);
}

/** Deletes every engine and whatever an unfinished installation has left; WebAssembly is used from then on. */
export async function removeEngine(output: Output, folder: string): Promise<void> {
  const isOurs = (name: string): boolean => /^\.installing-(cpu|gpu)-/.test(name) || /^(cpu|gpu)(\.old)?$/.test(name);
  const removed = await alone(folder, async () => {
    const names = (await readdir(folder)).filter(isOurs);
    // The record first: an engine that is half gone must not look whole.
    for (const name of names) await rm(join(folder, name, "engine.json"), { force: true });
    for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
    return names.filter((name) => NativeKind.safeParse(name).success);
  });
  output.result({ folder, removed }, [
    removed.length === 0 ? `No engine was installed in ${folder}.` : `Removed: ${removed.join(", ")} from ${folder}.`,
    "A running agent keeps what it has loaded until its next start.",
  ]);
}

function statusLines(status: EngineStatus): string[] {
  const { backend, tensorflow, device, threads, gflops, notUsed, folder, installed } = status;
  return [
    `backend    ${backend}${tensorflow === null ? "" : `, libtensorflow ${tensorflow}`}`,
    `device     ${device}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    `speed      ${gflops === null ? "not measured" : `${gflops.toFixed(1)} GFLOP/s`} (product of two 1,024 × 1,024 matrices)`,
    `models     ${choiceRule("auto", backend)}; engine.backend in site.yaml forces one`,
    `engines    ${folder}: ${installed.map(recordLine).join("; ") || "none installed"}`,
    ...notUsed.flatMap(({ backend: name, why, remedy }) => [
      `not used   ${name}: ${why}`,
      ...(remedy === null ? [] : [`           → ${remedy}`]),
    ]),
  ];
}

function recordLine({ kind, tensorflow, selfTest, installedAt }: NativeRecord): string {
  const device = selfTest.usesGpu ? "on a GPU" : "on the CPU";
  return `${kind}, libtensorflow ${tensorflow}, proved ${device} on ${installedAt.slice(0, 10)}`;
}

function notOneSource(): Failure {
  return new Failure({
    code: "engine/no-source",
    kind: "usage",
    what: "Either --from-pypi or --from FILE says where libtensorflow comes from.",
    remedy: "With a network: --from-pypi (274 MB; --gpu: 3.5 GB). Without: --from a wheel of tensorflow-cpu.",
  });
}

function badDigest(): Failure {
  return new Failure({
    code: "engine/bad-digest",
    kind: "usage",
    what: "--sha256 goes with --from and is 64 hexadecimal digits, in lower case.",
    remedy: "Take it from whoever published the file, not from the file itself.",
  });
}
