import { existsSync, readFileSync } from "node:fs";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { brokenOf, NEVER_OVERRIDDEN, OverrideStatement, signOverride } from "@consilium/shared/release/override";
import type { Command } from "commander";
import { AuditView } from "../http/views.ts";
import { auditorNamed, auditorSigner, exists } from "./auditorKey.ts";
import { hint, print } from "./output.ts";

interface OverrideFlags {
  readonly from: string;
  readonly as: string;
  readonly auditorKey: string;
  readonly reason: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `consilium audit override`: an auditor's signed word against the gate, made where the auditor's key is. */
export function registerAuditOverride(audit: Command): void {
  audit
    .command("override")
    .description("sign that a model is released although the gate refused it, and why (auditor)")
    .requiredOption("--from <file>", "the audit, as consilium audit show STUDY --json prints it")
    .requiredOption("--as <name>", "the name under which the study names this auditor")
    .requiredOption("--auditor-key <file>", "this auditor's key")
    .requiredOption("--reason <text>", "why; kept for ever, and shown in the release")
    .requiredOption("--out <file>", "the signed override to write; it must not exist")
    .option("--json", "print the result as JSON")
    .action(override);
}

async function override({ from, as, auditorKey, reason, out, json }: OverrideFlags): Promise<void> {
  if (existsSync(out)) throw exists(out);
  const { report, gate } = auditIn(from);
  const { study, studyDigest, modelDigest } = report;
  const broken = brokenOf(gate);
  const never = broken.find(({ rule }) => NEVER_OVERRIDDEN.includes(rule));
  if (gate.passed || never !== undefined) throw nothingToOverride(study, never?.rule);
  const auditor = auditorNamed(as);
  const statement = OverrideStatement.safeParse({ study, studyDigest, modelDigest, auditor, broken, reason });
  if (!statement.success) throw badReason(statement.error.issues.map(({ message }) => message).join("; "));
  const signed = signOverride(statement.data, await auditorSigner(auditorKey));
  await writeFileAtomically(out, `${JSON.stringify(signed)}\n`, PUBLIC_FILE_MODE);
  print(
    json,
    { out, ...signed },
    `${out}: ${broken.map(({ rule }) => rule).join(", ")} of ${study}, overridden by ${as}`,
  );
  if (json !== true) hint(`next, by the lead: consilium release hand-in ${out}`);
}

function auditIn(path: string): AuditView {
  const text = readText(path);
  const parsed = AuditView.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new Failure({
    code: "audit/unreadable",
    kind: "config",
    what: `${path} is no audit as consilium audit show prints it with --json.`,
    remedy: "Ask the lead for: consilium audit show STUDY --json > audit.json",
  });
}

function readText(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw unreadable(path, cause);
    return null;
  }
}

function unreadable(path: string, cause: unknown): Failure {
  return new Failure({
    code: "file/unreadable",
    kind: "usage",
    what: `${path} can't be read (${errnoOf(cause)}).`,
    remedy: "Check the path.",
    cause,
  });
}

function nothingToOverride(study: string, rule: string | undefined): Failure {
  return new Failure({
    code: "release/nothing-to-override",
    kind: "refused",
    what:
      rule === undefined
        ? `The gate of ${study} passed: there is nothing to override.`
        : `Rule ${rule} refused the model of ${study}, and no word of anybody's makes that good.`,
    remedy: rule === undefined ? "Nothing: the release follows by itself." : "Propose a study that keeps within it.",
  });
}

function badReason(why: string): Failure {
  return new Failure({
    code: "audit/bad-reason",
    kind: "usage",
    what: `The override can't be signed: ${why}.`,
    remedy: "Give --reason in a sentence: whoever reads the release will read it.",
  });
}
