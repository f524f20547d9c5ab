import { readFileSync } from "node:fs";
import { Failure } from "@consilium/shared/failure/failure";
import { GateOverride } from "@consilium/shared/release/override";
import { Revocation } from "@consilium/shared/release/revocation";
import { missingText, SignatoryAnswer } from "@consilium/shared/release/signatories";
import type { Command } from "commander";
import { ReleaseView, StudyDetail } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print } from "./output.ts";

/** What the lead does with a release: hands in what others signed, and revokes it. */
export function registerReleaseHandIn(release: Command): void {
  withClientOptions(
    release
      .command("hand-in")
      .description("hand in a site's or an auditor's answer to a release, or an auditor's override of the gate")
      .argument(
        "<file>",
        "as consilium release sign, consilium-site release sign or consilium audit override wrote it",
      ),
  ).action(handIn);
  withClientOptions(
    release
      .command("revoke")
      .description("sign a notice that nobody should use a release any more; for good")
      .argument("<study>")
      .requiredOption("--reason <text>", "why; kept in the ledger and shown by verify"),
  ).action(revoke);
}

async function handIn(path: string, options: ClientOptions): Promise<void> {
  const content = jsonIn(path);
  const [answer, override] = [SignatoryAnswer.safeParse(content), GateOverride.safeParse(content)];
  if (!answer.success && !override.success) throw unusable(path);
  const client = await Client.of(options);
  if (answer.success) {
    const { study, party } = answer.data;
    const url = `/api/releases/${encodeURIComponent(study)}/answers`;
    const view = await client.post(url, answer.data, ReleaseView);
    const stands = view.state === "signing" ? missingText(view.missing) : `the study is ${view.state}`;
    print(options.json, view, `${study}: ${party} ${answer.data.answer}; ${stands}`);
    return;
  }
  if (!override.success) return;
  const { study, auditor } = override.data.statement;
  const detail = await client.post(`/api/studies/${encodeURIComponent(study)}/override`, override.data, StudyDetail);
  print(
    options.json,
    { study, state: detail.state },
    `${study}: auditor ${auditor} overrode the gate; ${detail.state}`,
  );
}

async function revoke(study: string, { reason, ...options }: ClientOptions & { reason: string }): Promise<void> {
  const client = await Client.of(options);
  const notice = await client.post(`/api/releases/${encodeURIComponent(study)}/revocation`, { reason }, Revocation);
  print(options.json, notice, `${study} is revoked: ${notice.statement.reason}`);
  if (options.json === true) return;
  hint(
    `the notice stands in ${options.data}/releases/revocations.json and at /api/revocations; give it to whoever has the`,
  );
  hint("release: consilium verify PATH --key KEY --revocations FILE refuses it");
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw unusable(path, cause);
  }
}

function unusable(path: string, cause?: unknown): Failure {
  return new Failure({
    code: "release/answer-unusable",
    kind: "usage",
    what: `${path} holds no answer to a release and no override.`,
    remedy: "Name the file that the signing command wrote with --out.",
    cause,
  });
}
