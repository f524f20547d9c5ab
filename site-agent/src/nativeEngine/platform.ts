import { Failure } from "@consilium/shared/failure/failure";
import { z } from "zod";

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Version of glibc, or null where Node runs on another C library (Alpine's musl). */
  readonly glibc: string | null;
}

/** What the wheels' tag promises: manylinux_2_27. */
const GLIBC_MIN = [2, 27] as const;

const Report = z.looseObject({ header: z.looseObject({ glibcVersionRuntime: z.string().optional() }) });

export function thisMachine(): Machine {
  // Asking the network interfaces' names can take seconds, and nobody wants them here.
  if (process.report !== undefined) Object.assign(process.report, { excludeNetwork: true });
  const report = Report.safeParse(process.report?.getReport());
  const glibc = report.success ? (report.data.header.glibcVersionRuntime ?? null) : null;
  return { platform: process.platform, arch: process.arch, glibc };
}

/** Why libtensorflow can't run on this machine; null where it can. */
export function whyUnsupported({ platform, arch, glibc }: Machine): string | null {
  if (platform !== "linux" || arch !== "x64") return `this is ${platform} on ${arch}`;
  if (glibc === null) return "this system's C library isn't glibc";
  const [major = 0, minor = 0] = glibc.split(".").map(Number);
  const isOlder = major < GLIBC_MIN[0] || (major === GLIBC_MIN[0] && minor < GLIBC_MIN[1]);
  return isOlder ? `this system's glibc is ${glibc}` : null;
}

export function requireSupported(machine: Machine): void {
  const why = whyUnsupported(machine);
  if (why === null) return;
  throw new Failure({
    code: "engine/unsupported-machine",
    kind: "config",
    what: `A native engine needs Linux on x86-64 with glibc ${GLIBC_MIN.join(".")} or later: ${why}.`,
    remedy: "Nothing is to be done: the WebAssembly engine, which needs nothing, goes on being used.",
  });
}
