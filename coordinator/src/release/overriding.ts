import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import { type GateOverride, overrideProblem } from "@consilium/shared/release/override";
import { overrideOf, saveOverride } from "../storage/releases.ts";
import { auditOf } from "../storage/results.ts";
import type { StudyRecord } from "../storage/studies.ts";
import { move } from "../study/moves.ts";
import { approvalsCharged } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import type { StudyWorld } from "../study/world.ts";

/** Takes an auditor's word against the gate: kept for ever, and the study goes on to its release. */
export function takeOverride(world: StudyWorld, study: StudyRecord, override: GateOverride): void {
  const { document, digest, name, standing } = study;
  const audit = auditOf(world.sql, name);
  if (standing.state !== "rejected" || audit === undefined) throw nothingToOverride(name, standing.state);
  if (overrideOf(world.sql, name) !== undefined) throw overriddenBefore(name);
  const { gate } = gateOf(world, document, audit.report, approvalsCharged(world, name));
  const of = { document, studyDigest: digest, modelDigest: audit.report.modelDigest, gate };
  const problem = overrideProblem(of, override);
  if (problem !== null) throw refused(name, problem);
  const { auditor, reason } = override.statement;
  world.sql.transaction(() => {
    const statement = digestOfJson(override.statement);
    world.ledger.append([{ kind: "gate-overridden", study: name, by: auditor, reason, statement }]);
    saveOverride(world.sql, name, override);
    move(world, name, { type: "overridden" }, { by: `auditor ${auditor}`, reason });
  });
}

function nothingToOverride(study: string, state: string): Failure {
  return new Failure({
    code: "release/nothing-to-override",
    kind: "refused",
    what: `Study ${study} is ${state}: no gate's refusal of its model is there to override.`,
    remedy: `See where it stands: consilium audit show ${study}.`,
  });
}

function overriddenBefore(study: string): Failure {
  return new Failure({
    code: "release/overridden-before",
    kind: "refused",
    what: `The gate's refusal of ${study} was overridden once; the release ended all the same.`,
    remedy: "Propose a new study: an override is given once.",
  });
}

function refused(study: string, problem: string): Failure {
  return new Failure({
    code: "release/override-invalid",
    kind: "refused",
    what: `The override of ${study} can't be taken: ${problem}.`,
    remedy:
      "An auditor whom the signed study names makes one with: consilium audit override STUDY --as NAME --key FILE.",
  });
}
