import { isTraining } from "../ledger/tally.ts";
import { isFounded, stopRound } from "../study/earlyStop.ts";
import { referenceRounds } from "../study/modelLines.ts";
import type { Contents } from "./contentChecks.ts";
import { committedCharges } from "./statement.ts";

/** A model of T steps was not made by fewer: what was left out of the ledger would make ε look smaller. */
export function stepsHold({ manifest, document, audit, state }: Contents): boolean {
  const committed = committedCharges(state, document.name);
  const { round: last } = manifest.model;
  const steps = Array.from({ length: last }, (_, index) => index + 1);
  const trained = committed.filter(({ part, event }) => part === "train" && isTraining(event));
  const ofReferences = committed.filter(({ part, event }) => part === "reference" && isTraining(event));
  const referenceSteps = Array.from({ length: referenceRounds(document) }, (_, index) => index + 1);
  const isMade = (charges: typeof committed) => (step: number) =>
    charges.filter(({ round }) => round === step).length >= document.training.minSites;
  const noised = committed.filter(({ event }) => event.kind === "discrete-laplace");
  return (
    steps.every(isMade(trained)) &&
    referenceSteps.every(isMade(ofReferences)) &&
    audit.histograms.every(({ site }) =>
      (["train", "audit"] as const).every((part) =>
        noised.some((body) => body.site === site && body.part === part && body.round === last),
      ),
    ) &&
    (manifest.evaluation === undefined || noised.some(({ part }) => part === "validation"))
  );
}

/** Early stop is the signed rule's, by evaluations that were charged. */
export function stopHolds({ manifest: { stop, model }, document, state }: Contents): boolean {
  if (stop === undefined) return true;
  const { training, evaluation } = document;
  const evaluated = committedCharges(state, document.name).filter(({ part }) => part === "validation");
  return (
    training.earlyStop !== undefined &&
    stopRound(stop) === model.round &&
    isFounded(training.earlyStop, evaluation.everyRounds, stop) &&
    [stop.best, ...stop.since].every(({ round }) => evaluated.some((body) => body.round === round))
  );
}
