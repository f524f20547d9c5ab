/**
 * `npm run bench -- growth [--json] [--write] [--only CASE]`: how the time and the memory of a private step grow with
 * batch, width and depth, beside PyTorch's step without privacy where a Python has it.
 */
import { loadavg } from "node:os";
import { benchOptions, chosen, runCommand } from "./measure/command.ts";
import { factsOf } from "./measure/facts.ts";
import { GROWTH_PICTURE, type GrowthCase, type GrowthLine, growthPage, growthPicture } from "./measure/growthPage.ts";
import { allShapes, perceptron, type Shape, shapeName } from "./measure/growthPlans.ts";
import { BACKENDS, type MeasuredBackend, probe, type Skipped, type Timed, timeSteps } from "./measure/ownProcess.ts";
import { assertSection, writePicture, writeSection } from "./measure/page.ts";
import { findPeers, type Peers, timePeer } from "./measure/peers.ts";
import { type Comparison, printReport, skippedCase, timedCase } from "./measure/report.ts";

const REPEATS = { warmUp: 2, least: 3, most: 30, seconds: 0.6 };

const OWN_LINE: Readonly<Record<MeasuredBackend, string>> = {
  "tensorflow-gpu": "private, GPU",
  tensorflow: "private, libtensorflow",
  wasm: "private, WebAssembly",
};

await runCommand(() => {
  const shapes = allShapes();
  const options = benchOptions(process.argv.slice(2), shapes.map(shapeName));
  const wanted = chosen(shapes.map(shapeName), options.only);
  if (options.write) assertSection("growth");
  const [date, [loadBefore = 0]] = [new Date(), loadavg()];
  const peers = findPeers(process.env, (line) => process.stderr.write(`${line}\n`));
  const probed = BACKENDS.map((backend) => ({ backend, found: probe(backend) }));
  const present = probed.flatMap(({ backend, found }) => ("skipped" in found ? [] : [backend]));
  const measured = shapes.filter((shape) => wanted.includes(shapeName(shape)));
  const cases = measured.flatMap((shape) => casesOf(shape, present, peers));
  const report = printReport("growth", cases, options.json);
  if (!options.write) return;
  const own = present.map((backend): GrowthLine => ({ name: OWN_LINE[backend], backend }));
  const lines = peers === null ? own : [...own, { name: "no privacy, PyTorch", backend: "pytorch" }];
  writePicture(GROWTH_PICTURE, growthPicture(lines, cases));
  writeSection("growth", growthPage(factsOf(report, { date, loadBefore, probed, peers }), lines, cases));
});

function casesOf(shape: Shape, present: readonly MeasuredBackend[], peers: Peers | null): GrowthCase[] {
  const [name, spec, { batch }] = [shapeName(shape), perceptron(shape), shape];
  process.stderr.write(`growth: ${name}\n`);
  const pytorch = peers === null ? null : timePeer(peers, "non-private", spec, batch, REPEATS);
  const other = pytorch === null ? [] : [growthCase(shape, `${name}, non-private`, "pytorch", pytorch, null)];
  const median = other[0]?.median ?? null;
  const kind = "private, noise made alongside";
  const own = present.map((backend) => {
    const outcome = timeSteps({ backend, spec, batch, kind, repeats: REPEATS });
    return growthCase(shape, `${name}, ${kind}`, backend, outcome, median);
  });
  return [...own, ...other];
}

function growthCase(
  shape: Shape,
  name: string,
  backend: string,
  outcome: Timed | Skipped,
  pytorchMs: number | null,
): GrowthCase {
  if ("skipped" in outcome) return { ...skippedCase(name, backend, outcome.skipped), shape };
  const alone = timedCase({ name, backend, ...outcome }, null);
  if (pytorchMs === null) return { ...alone, shape };
  const ratio = alone.median / pytorchMs;
  const reference: Comparison = { name: "PyTorch, non-private", median: pytorchMs, ratio };
  return { ...alone, reference, shape };
}
