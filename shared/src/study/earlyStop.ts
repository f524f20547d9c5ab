import { z } from "zod";

const round = z.number().int().positive();
const PATIENCE_MAX = 100;

/** When training may end before its last round: decided by charged, noised metrics alone. */
export const EarlyStop = z
  .strictObject({
    metric: z.enum(["auc", "accuracy", "concordance"]).describe("Which of evaluation.metrics must go on rising."),
    patience: z
      .number()
      .int()
      .min(1)
      .max(PATIENCE_MAX)
      .describe("Evaluations in a row that may pass without a rise; then training ends."),
    minDelta: z.number().min(0).lt(1).default(0).describe("A rise is more than this above the best so far."),
  })
  .describe(
    "Ends training early; the last model is released, and its guarantee is that of all signed rounds, repeats added, or the study's ε.",
  );
export type EarlyStop = z.infer<typeof EarlyStop>;

const Seen = z.strictObject({ round, value: z.number() });

/** Why training ended: the best evaluation and those after it, none of which rose above it. */
export const StopReason = z.strictObject({
  metric: EarlyStop.shape.metric,
  best: Seen,
  since: z.array(Seen).min(1).max(PATIENCE_MAX),
});
export type StopReason = z.infer<typeof StopReason>;

interface MaybeResolved {
  readonly state: string;
  readonly value?: number;
}

/** A noised evaluation; a figure that noise hides counts neither way. */
interface Evaluated {
  readonly round: number;
  readonly metric: { readonly [name in EarlyStop["metric"]]?: MaybeResolved | undefined };
}

/**
 * The reason to stop at the last of these evaluations, oldest first; null where training goes on. A pure function of
 * what everyone may see: the figures are noised and charged, so this choice is post-processing and costs nothing more.
 */
export function stopReason(
  { metric, patience, minDelta }: EarlyStop,
  evaluated: readonly Evaluated[],
): StopReason | null {
  const values = evaluated.flatMap(({ round: at, metric: figures }) => {
    const value = figures[metric]?.value;
    return value === undefined ? [] : [{ round: at, value }];
  });
  let best = values[0];
  let since: z.infer<typeof Seen>[] = [];
  for (const seen of values.slice(1)) {
    if (best === undefined || seen.value > best.value + minDelta) [best, since] = [seen, []];
    else since.push(seen);
  }
  return best === undefined || since.length < patience ? null : { metric, best, since };
}

/** Whether a reason, by the figures that it names, ends a study of this rule after the round that it names last. */
export function isFounded(rule: EarlyStop, everyRounds: number, reason: StopReason): boolean {
  const { metric, patience, minDelta } = rule;
  const { best, since } = reason;
  const rounds = [best, ...since].map(({ round: at }) => at);
  return (
    reason.metric === metric &&
    since.length === patience &&
    since.every(({ value }) => value <= best.value + minDelta) &&
    rounds.every((at, index) => at % everyRounds === 0 && at > (rounds[index - 1] ?? 0))
  );
}

/** Training round after which it stopped. */
export function stopRound({ since }: StopReason): number | undefined {
  return since.at(-1)?.round;
}

/** The rule in words, for whoever reads why training ended. */
export function ruleText({ metric, patience, minDelta }: EarlyStop): string {
  const evaluations = patience === 1 ? "1 evaluation" : `${patience} evaluations in a row`;
  const beats = minDelta === 0 ? "the best" : `the best by more than ${minDelta}`;
  return `Signed rule: training ends after ${evaluations} whose ${metric} doesn't beat ${beats}.`;
}

export function stopText({ metric, best, since }: StopReason): string {
  // By their rounds: evaluations in between that noise hid count neither way.
  const later = `${since.length === 1 ? "that after round" : "those after rounds"} ${since.map(({ round: at }) => at).join(", ")}`;
  return `Stopped early: the best ${metric} was ${best.value.toFixed(3)} after round ${best.round}; ${later} did not beat it by enough.`;
}
