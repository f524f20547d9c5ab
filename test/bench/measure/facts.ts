import type { Present, Skipped } from "./ownProcess.ts";
import type { Peers } from "./peers.ts";
import type { Report } from "./report.ts";

/** A backend as it answered before anything was measured. */
export interface Probed {
  readonly backend: string;
  readonly found: Present | Skipped;
}

/** Where and with what figures were measured, as one paragraph. */
export function factsOf(
  { commit, machine }: Report,
  of: {
    readonly date: Date;
    readonly loadBefore: number;
    readonly probed: readonly Probed[];
    readonly peers: Peers | null;
  },
): string {
  const backends = of.probed.map(({ backend, found }) =>
    "skipped" in found ? `${backend}: ${found.skipped}` : `${backend}: ${found.version}, threads: ${found.threads}`,
  );
  const peers =
    of.peers === null
      ? "PyTorch and Opacus: not found here"
      : `PyTorch ${of.peers.pytorch}, Opacus ${of.peers.opacus ?? "not found"}, all cores, float32`;
  const day = of.date.toISOString().slice(0, 10);
  return [
    `Measured on ${day}, commit ${commit}: ${machine.cores} cores of ${machine.cpu}, Node ${machine.node.slice(1)};`,
    `load before the first case ${of.loadBefore.toFixed(2)}. ${[...backends, peers].join("; ")}.`,
  ].join(" ");
}
