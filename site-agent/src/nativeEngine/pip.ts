import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { Pin } from "./pins.ts";
import { type Ended, runTool } from "./tool.ts";

/** Ways to call pip, best first. */
const CALLS = [["python3", "-m", "pip"], ["pip3"], ["pip"]] as const satisfies readonly (readonly [
  string,
  ...string[],
])[];

export interface Pip {
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it can tell how far it has come: since pip 24.1. */
  readonly tellsProgress: boolean;
}

export async function findPip(environment: NodeJS.ProcessEnv): Promise<Pip> {
  for (const [command, ...args] of CALLS) {
    const { status, out } = await runTool(command, [...args, "--version"], { environment });
    if (status === 0) return { command, args, tellsProgress: tellsProgress(out) };
  }
  throw new Failure({
    code: "engine/no-pip",
    kind: "config",
    what: "Fetching TensorFlow's wheel needs pip, and neither python3 -m pip, pip3 nor pip runs here.",
    remedy:
      "Install it (Debian, Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip), or use --from FILE.",
  });
}

/** From `pip 24.1.2 from … (python 3.11)`. */
export function tellsProgress(version: string): boolean {
  const [, major = "0", minor = "0"] = /^pip (\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 24 || (Number(major) === 24 && Number(minor) >= 1);
}

/** Always the same file, whatever Python and system pip runs on: only so can its digest be known beforehand. */
export function downloadArguments(pip: Pip, requirement: string, folder: string): string[] {
  const platforms = ["manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1"];
  return [
    ...pip.args,
    ...["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"],
    ...["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "none"],
    ...platforms.flatMap((platform) => ["--platform", `${platform}_x86_64`]),
    ...["--progress-bar", pip.tellsProgress ? "raw" : "off"],
    ...["--dest", folder, requirement],
  ];
}

/** Share of a download that is done, from pip's raw progress (`Progress 1024 of 4096`); null for any other line. */
export function progressOf(line: string): number | null {
  const [, done, whole] = /^Progress (\d+) of (\d+)$/.exec(line.trim()) ?? [];
  return done === undefined || whole === undefined || Number(whole) === 0 ? null : Number(done) / Number(whole);
}

/** Fetches one wheel, by this machine's own pip settings, to a folder of its own. */
export async function download(
  pip: Pip,
  pin: Pin,
  folder: string,
  { environment, say }: { readonly environment: NodeJS.ProcessEnv; readonly say: (line: string) => void },
): Promise<void> {
  // pip puts its unfinished files into the system's temporary folder, which may be small.
  const unfinished = join(folder, "unfinished");
  await mkdir(unfinished);
  let told = 0;
  const onLine = (line: string): void => {
    const tenths = Math.floor(10 * (progressOf(line) ?? 0));
    if (tenths <= told) return;
    told = tenths;
    say(`    ${tenths * 10} %`);
  };
  const ended = await runTool(pip.command, downloadArguments(pip, pin.requirement, folder), {
    environment: { ...environment, TMPDIR: unfinished },
    onLine,
  });
  if (ended.status !== 0) throw pipFailure(pin.requirement, ended);
}

/** What went wrong, from what pip said of it. */
export function pipFailure(requirement: string, { tail }: Pick<Ended, "tail">): Failure {
  const text = tail.join("\n");
  const last = tail.findLast((line) => /^ERROR:/.test(line)) ?? tail.at(-1) ?? "it said nothing";
  const failure = (code: string, why: string, remedy: string): Failure =>
    new Failure({ code, kind: "unreachable", what: `pip could not fetch ${requirement}: ${why}.`, remedy });
  if (/No space left on device|Errno 28/.test(text)) {
    return failure(
      "engine/no-room",
      "the disk is full",
      "Free some 2 GB (--gpu: 12 GB), then run the same command again.",
    );
  }
  if (/NewConnectionError|ConnectTimeout|Name or service not known|Temporary failure in name|Max retries/.test(text)) {
    return failure(
      "engine/no-index",
      "its package index can't be reached",
      "See `pip config list`; or fetch the wheel elsewhere and use --from FILE.",
    );
  }
  if (/\(from versions: none\)/.test(text)) {
    return failure(
      "engine/no-index",
      "its package index knows no version of it, or can't be reached",
      "See `pip config list`; or fetch the wheel elsewhere and use --from FILE.",
    );
  }
  if (/No matching distribution|Could not find a version/.test(text)) {
    return failure(
      "engine/no-wheel",
      "its package index doesn't have this wheel",
      "Ask whoever runs the index for it, or fetch the wheel elsewhere and use --from FILE.",
    );
  }
  return failure("engine/pip-failed", last.slice(0, 300), "Run the same command again; see `pip config list`.");
}
