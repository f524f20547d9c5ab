import { within } from "../ledger/budget.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonText } from "../units/epsilonText.ts";
import type { AuditReport, CanaryReport, Figure, GateResult, GateRule } from "./report.ts";

/** What a gate weighs beside the audit report. */
export interface GateInput {
  readonly report: AuditReport;
  readonly gates: StudyDocument["audit"]["gates"];
  /** Fewest sites whose patients the audit must cover. */
  readonly minSites: number;
  /** Largest ε over sites and parts that the ledger proves for this study, at the study's δ. */
  readonly provenEpsilon: number;
  /** Largest ε over sites that training alone was charged. */
  readonly trainingEpsilon: number;
  /** The study's cap on it. */
  readonly epsilonCap: number;
}

/**
 * Whether a model may be released: a pure function of the report, the gates that every site signed and the proven ε.
 * Whatever can't be resolved fails, unless the study says otherwise for that rule.
 */
export function gate(input: GateInput): GateResult {
  const { report, gates } = input;
  const rules = [coverageRule(input), aucRule(report.best, gates.maxAttackAucUpper), epsilonRule(input)];
  if (gates.maxTprAtFpr !== undefined) rules.push(tprRule(report, gates.maxTprAtFpr));
  if (report.canaries !== undefined) rules.push(canaryRule(report.canaries, input.trainingEpsilon));
  return { passed: rules.every(({ passed }) => passed), rules };
}

function coverageRule({ report, minSites }: GateInput): GateRule {
  const passed = report.sites.length >= minSites;
  const missing = report.sitesMissing.length === 0 ? "none missing" : `missing: ${report.sitesMissing.join(", ")}`;
  return {
    rule: "sites-audited",
    required: `at least ${minSites}`,
    found: `${report.sites.length} (${missing})`,
    passed,
    why: passed ? "Enough sites held the model against their own patients." : "Too few sites answered the audit.",
  };
}

function aucRule(best: Figure, limit: number): GateRule {
  const required = `upper bound ≤ ${limit}`;
  const rule = "max-attack-auc-upper";
  if (best.state === "not-resolvable") {
    return { rule, required, found: "not resolvable", passed: false, why: `No upper bound can be given: ${best.why}.` };
  }
  const passed = best.high <= limit;
  const why = passed
    ? "The strongest attack tried stays under the limit, its uncertainty included."
    : best.low > limit
      ? "Membership leaks more than the study allows."
      : "The audit can't rule out more leakage than the study allows.";
  return { rule, required, found: `${best.high.toFixed(4)} (value ${best.value.toFixed(4)})`, passed, why };
}

function epsilonRule({ provenEpsilon, epsilonCap }: GateInput): GateRule {
  const passed = within(provenEpsilon, epsilonCap);
  return {
    rule: "epsilon-within-cap",
    required: `ε ≤ ${epsilonCap}`,
    found: `ε = ${epsilonText(provenEpsilon, 4)}`,
    passed,
    why: passed
      ? "Even the part of patients that pays most, at any site, stays within the study's cap."
      : "At some site a part of the patients paid more than the study's cap.",
  };
}

/** A sound run fails this as often as the report's confidence allows. */
function canaryRule({ epsilon, count, guesses, correct }: CanaryReport, trainingEpsilon: number): GateRule {
  const passed = epsilon <= trainingEpsilon;
  const run = `${correct} of ${guesses} guesses about ${count} canaries right`;
  return {
    rule: "empirical-epsilon",
    required: `lower bound ≤ ε of training = ${epsilonText(trainingEpsilon, 4)}`,
    found: `ε ≥ ${epsilonText(epsilon, 4)} (${run})`,
    passed,
    why: passed
      ? "What one run of made-up records can show doesn't contradict the proof."
      : "Made-up records leaked more than was proven: noise, clipping or accounting is not what the study signed.",
  };
}

function tprRule(
  report: AuditReport,
  { fpr, tpr, ifUnresolvable }: NonNullable<StudyDocument["audit"]["gates"]["maxTprAtFpr"]>,
): GateRule {
  const rule = "max-tpr-at-fpr";
  const required = `upper bound of TPR ≤ ${tpr} at FPR ${fpr}`;
  const figures = report.orderings.map((ordering) => ordering.tprAtFpr.find((entry) => entry.fpr === fpr)?.tpr);
  const resolved = figures.flatMap((figure) => (figure?.state === "resolved" ? [figure.high] : []));
  if (resolved.length < figures.length) {
    const passed = ifUnresolvable === "pass";
    const tail = passed ? "the study lets that pass" : "the study doesn't let that pass";
    const why = `Too few non-members or too much noise to tell this rate: ${tail}.`;
    return { rule, required, found: "not resolvable", passed, why };
  }
  const high = Math.max(...resolved);
  const passed = high <= tpr;
  const why = passed
    ? "Few members stand out, even at this low FPR."
    : "More members may stand out than the study allows.";
  return { rule, required, found: high.toFixed(4), passed, why };
}
