/**
 * `npm run bench -- engine [--json] [--write] [--only CASE]`: private steps beside the same engine's steps without
 * privacy, per backend, and beside PyTorch's and Opacus' steps of the same models where a Python has them.
 */
import { loadavg } from "node:os";
import { benchOptions, chosen, runCommand } from "./measure/command.ts";
import { enginePage } from "./measure/enginePage.ts";
import { ENGINE_PLANS, type EnginePlan, OPACUS_REPEATS, STEADY, steadyModel } from "./measure/enginePlans.ts";
import { type Measured, type MeasuredPlan, sideBySide } from "./measure/engineReport.ts";
import { factsOf, type Probed } from "./measure/facts.ts";
import { BACKENDS, type MeasuredBackend, probe, timeSteps, watchMemory } from "./measure/ownProcess.ts";
import { assertSection, writeSection } from "./measure/page.ts";
import { findPeers, type PeerKind, type Peers, timePeer } from "./measure/peers.ts";
import { printReport, skippedCase } from "./measure/report.ts";
import { type SteadyCase, steadyCase } from "./measure/steadyReport.ts";

const STEADY_NAME = "memory over many steps";

const PEER_STEP: Readonly<Record<PeerKind, readonly [backend: string, kind: string]>> = {
  "non-private": ["pytorch", "non-private"],
  opacus: ["opacus", "private, per-record gradients"],
  "opacus-ghost": ["opacus", "private, ghost clipping"],
};

await runCommand(() => {
  const names = [...ENGINE_PLANS.map(({ name }) => name), STEADY_NAME];
  const options = benchOptions(process.argv.slice(2), names);
  const wanted = chosen(names, options.only);
  if (options.write) assertSection("engine");
  const [date, [loadBefore = 0]] = [new Date(), loadavg()];
  const peers = findPeers(process.env, (line) => process.stderr.write(`${line}\n`));
  const probed = BACKENDS.map((backend) => ({ backend, found: probe(backend) }));
  const present = probed.flatMap(({ backend, found }) => ("skipped" in found ? [] : [backend]));
  const plans = ENGINE_PLANS.filter(({ name }) => wanted.includes(name)).map((plan) => measure(plan, present, peers));
  const steady = wanted.includes(STEADY_NAME) ? present.map(watch) : [];
  const cases = [...absent(probed), ...plans.flatMap((plan) => plan.cases), ...steady];
  const report = printReport("engine", cases, options.json);
  if (!options.write) return;
  const facts = factsOf(report, { date, loadBefore, probed, peers });
  writeSection("engine", enginePage(facts, plans, steady));
});

/** One line for each backend that isn't here, in place of one for each of its cases. */
function absent(probed: readonly Probed[]) {
  return probed.flatMap(({ backend, found }) =>
    "skipped" in found ? [skippedCase("all cases", backend, found.skipped)] : [],
  );
}

function measure(plan: EnginePlan, present: readonly MeasuredBackend[], peers: Peers | null): MeasuredPlan {
  const own = present.flatMap((backend) => kindsOn(backend, plan).map((kind) => measureOwn(plan, backend, kind)));
  const others = peers === null ? [] : plan.peers.map((kind) => measurePeer(plan, peers, kind));
  return sideBySide(plan, [...own, ...others]);
}

/** WebAssembly's steps are so long that noise drawn alongside is always ready. */
function kindsOn(backend: MeasuredBackend, { kinds }: EnginePlan): EnginePlan["kinds"] {
  return backend === "wasm" ? kinds.filter((kind) => kind !== "private, noise ready") : kinds;
}

function measureOwn(plan: EnginePlan, backend: MeasuredBackend, kind: EnginePlan["kinds"][number]): Measured {
  const repeats = backend === "wasm" ? plan.wasm : plan.repeats;
  if (typeof repeats === "string") return { backend, kind, outcome: { skipped: repeats } };
  tell(backend, plan.name, kind);
  return { backend, kind, outcome: timeSteps({ backend, spec: plan.spec(), batch: plan.batch, kind, repeats }) };
}

function measurePeer(plan: EnginePlan, peers: Peers, of: PeerKind): Measured {
  const [backend, kind] = PEER_STEP[of];
  tell(backend, plan.name, kind);
  const repeats = of === "non-private" ? plan.repeats : OPACUS_REPEATS;
  return { backend, kind, outcome: timePeer(peers, of, plan.spec(), plan.batch, repeats) };
}

function watch(backend: MeasuredBackend): SteadyCase {
  const { batch, steps, every } = STEADY;
  tell(backend, STEADY.name, `${steps} steps`);
  return steadyCase(backend, watchMemory({ backend, spec: steadyModel(), batch, steps, every }));
}

function tell(backend: string, name: string, kind: string): void {
  process.stderr.write(`engine: ${backend}, ${name}, ${kind}\n`);
}
