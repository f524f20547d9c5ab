import type { Figure, OrderingReport, Verdict } from "./report.ts";

/**
 * The audit in words. Never reads the absence of power as an absence of leakage: every verdict names the AUC that is
 * ruled out, and the smallest that this audit could have seen.
 */
export function verdictOf(
  best: Figure,
  orderings: readonly OrderingReport[],
  { confidence, limit, counts }: { confidence: number; limit: number; counts: "noised" | "exact" },
): Verdict {
  if (best.state === "not-resolvable") {
    return verdict(
      "no-power",
      `Too weak to tell: ${best.why}.`,
      "This audit can't say whether membership leaks or not.",
    );
  }
  const percent = `${Number((100 * confidence).toPrecision(4))} %`;
  const members = Math.round(Math.min(...orderings.map((ordering) => ordering.members)));
  const nonMembers = Math.round(Math.min(...orderings.map((ordering) => ordering.nonMembers)));
  const interval = [
    `The strongest attack tried has AUC ${round(best.value)}`,
    `(${percent} interval ${round(best.low)} to ${round(best.high)}; 0.5 is guessing)`,
  ].join(" ");
  const basis =
    counts === "noised"
      ? `It rests on about ${members} members and ${nonMembers} non-members, by noised counts.`
      : `It rests on ${members} members and ${nonMembers} non-members, exactly counted.`;
  const allowed = `${counts === "noised" ? "the study's" : "the"} limit of ${limit}`;
  const seen = Math.max(...orderings.map(({ detectableAuc }) => detectableAuc ?? 1));
  const power = `A leak that gives an attacker an AUC below ${round(seen)} would probably not have been seen.`;
  const scope = "It speaks of the attacks tried only and is not a bound on ε.";
  const within = best.high <= limit;
  if (best.low > 0.5) {
    const against = within ? `within ${allowed}` : `beyond ${allowed}, or may be`;
    const leak = "Membership leaks: members can be told from non-members better than by chance.";
    return verdict("leakage", leak, `${interval}, ${against}.`, basis, scope);
  }
  if (within) {
    const bound = `Leakage above an AUC of ${round(best.high)} is ruled out at ${percent} confidence for the attacks tried.`;
    return verdict("bounded", bound, `${interval}.`, basis, power, scope);
  }
  const weak = `Too weak to tell: leakage above ${allowed} can't be ruled out, nor was it seen.`;
  return verdict("no-power", weak, `${interval}.`, basis, power, scope);
}

function verdict(kind: Verdict["kind"], ...sentences: readonly string[]): Verdict {
  return { kind, words: sentences.join(" ") };
}

function round(value: number): string {
  return value.toFixed(3);
}
