/** What the operating system says of processes and the loopback interface; Linux alone says it so. */
import { readFileSync } from "node:fs";

const MIB = 2 ** 20;

/** A process and all that it started, newest last. */
export function processTree(pid: number): number[] {
  const children = readTextOrNull(`/proc/${pid}/task/${pid}/children`) ?? "";
  return [pid, ...(children.match(/\d+/g) ?? []).flatMap((child) => processTree(Number(child)))];
}

/** Most memory that a process had in RAM at once; null where the system doesn't say. */
export function peakRssMiB(pid: number): number | null {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readTextOrNull(`/proc/${pid}/status`) ?? "")?.[1];
  return kib === undefined ? null : (Number(kib) * 1024) / MIB;
}

/** Seconds of processor time that a process and its threads took so far, in user and in system mode. */
export function cpuSeconds(pid: number): number | null {
  const fields = readTextOrNull(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /, "")
    .split(" ");
  return fields === undefined ? null : (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Milliseconds of this process' processor time that a run takes: other work on the machine doesn't count. */
export function processorMs(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Linux' USER_HZ, the same on every architecture that Node runs on. */
const CLOCK_TICKS = 100;

/** Bytes that went over the loopback interface, whoever sent them; each is counted once. */
export function loopbackBytes(): number | null {
  const sent = /^\s*lo:\s*(?:\d+\s+){8}(\d+)/m.exec(readTextOrNull("/proc/net/dev") ?? "")?.[1];
  return sent === undefined ? null : Number(sent);
}

function readTextOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
