/** Steps of the same model by PyTorch and Opacus, where a Python has them. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { z } from "zod";
import { labelsOf } from "./engineSteps.ts";
import { Timed } from "./ownProcess.ts";
import type { Repeats } from "./repeats.ts";

export const PYTHON_VARIABLE = "CONSILIUM_PEERS_PYTHON";
const SCRIPT = fileURLToPath(new URL("../../peers/step.py", import.meta.url));
const README = "test/bench/peers/README.md";

/** Ways to take one step there. */
export type PeerKind = "non-private" | "opacus" | "opacus-ghost";

/** What a Python offers; null is what it lacks. */
export interface Peers {
  readonly python: string;
  readonly pytorch: string;
  readonly opacus: string | null;
}

const Probed = z.strictObject({
  pytorch: z.string().nullable(),
  opacus: z.string().nullable(),
  why: z.string().nullable(),
});

/** Null where there is no PyTorch; `say` tells in one line what is missing. A Python that was named must have it. */
export function findPeers(
  environment: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Peers | null {
  const named = environment[PYTHON_VARIABLE];
  const python = named === undefined || named === "" ? "python3" : named;
  const { pytorch, opacus, why } = probe(python);
  if (pytorch === null && python === named) {
    throw new Failure({
      code: "bench/no-peers",
      kind: "config",
      what: `${PYTHON_VARIABLE} is ${python}: ${why}.`,
      remedy: `Make an environment as ${README} says, or unset ${PYTHON_VARIABLE}.`,
    });
  }
  if (why !== null) say(`No comparison with ${pytorch === null ? "PyTorch and " : ""}Opacus: ${why}; see ${README}.`);
  return pytorch === null ? null : { python, pytorch, opacus };
}

function probe(python: string): z.infer<typeof Probed> {
  const { status, stdout, error } = spawnSync(python, [SCRIPT, "--probe"], { encoding: "utf8" });
  if (error !== undefined) return { pytorch: null, opacus: null, why: `${python} can't be started (${error.message})` };
  if (status !== 0) return { pytorch: null, opacus: null, why: `${python} ended with exit code ${status}` };
  return Probed.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}

const Outcome = z.union([Timed, z.strictObject({ skipped: z.string() })]);
type Outcome = z.infer<typeof Outcome>;

export function timePeer(peers: Peers, kind: PeerKind, spec: ModelSpec, batch: number, repeats: Repeats): Outcome {
  if (kind !== "non-private" && peers.opacus === null) return { skipped: "Opacus is not installed" };
  const order = { spec, parameters: layerParameters(spec), batch, labels: [...labelsOf(spec.loss, batch)], kind };
  const { status, signal, stdout, stderr } = spawnSync(peers.python, ["-W", "ignore", SCRIPT], {
    input: JSON.stringify({ ...order, repeats }),
    encoding: "utf8",
  });
  if (status !== 0) {
    const last = stderr.trim().split("\n").at(-1) ?? "";
    return { skipped: `ended by ${signal ?? `exit code ${status}`} (${last.slice(0, 200)})` };
  }
  return Outcome.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}

/** Of the layers alone: the peers' DeepType has no centroids. */
export function layerParameters(spec: ModelSpec): number {
  if (spec.loss.kind !== "deeptype") return parameterCount(spec);
  return parameterCount({ ...spec, loss: { kind: "softmax-cross-entropy", classes: spec.loss.classes } });
}
