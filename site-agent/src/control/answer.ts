/** What a site answers to its own commands, be it from the running agent or from a command that opened the database. */
import { Failure, unreachable } from "@consilium/shared/failure/failure";
import { today } from "@consilium/shared/ledger/capFilter";
import type { ChargeId } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";
import type { StudyName } from "@consilium/shared/units/identity";
import { brokenRules } from "../approval/policy.ts";
import { quoteOf } from "../approval/quote.ts";
import { budgetOf } from "../ledger/budget.ts";
import { releasesWaiting } from "../release/answer.ts";
import { decide } from "../steward/decide.ts";
import type { ProposalRecord } from "../storage/records.ts";
import type { ControlRequest, ReleaseSummary, StudySummary, WaitingSteward } from "./request.ts";
import type { Site } from "./site.ts";

/** Requests that need no running agent. */
export type SiteRequest = Exclude<ControlRequest, { ask: "status" | "stop" | "accept-restore" }>;

/** Ledger entries in one answer. */
const LEDGER_PAGE = 10_000;

export function answer(site: Site, request: SiteRequest): unknown {
  const { records, ledger, config, now } = site;
  switch (request.ask) {
    case "datasets":
      return records.datasets();
    case "register-dataset":
      return records.registerDataset(request, now().toISOString());
    case "studies":
      return records.proposals().map((proposal) => summary(site, proposal));
    case "study": {
      const proposal = requireProposal(site, request.study);
      return { ...summary(site, proposal), document: proposal.document, approval: proposal.approval };
    }
    case "quote":
      return quoteOf(
        ledger.state,
        config.allow,
        {
          site: config.name,
          dataset: request.dataset,
          document: requireProposal(site, request.study).document,
        },
        today(ledger.state, now()),
      );
    case "budget":
      return records
        .datasets()
        .map((dataset) => budgetOf(ledger.state, config.name, dataset, today(ledger.state, now())));
    case "ledger":
      return ledger.entries(request.after, LEDGER_PAGE);
    case "verify-ledger":
      return ledger.verify().then((entries) => ({ entries, head: ledger.head() }));
    case "next-decision":
      return {
        site: config.name,
        steward: records.steward().name,
        stewards: records.stewards(),
        waiting: waitingStewards(ledger.state),
        number: records.lastStatementNumber() + 1,
      };
    case "notices":
      return ledger.state.notices.toReversed();
    case "releases":
      return releaseSummaries(site);
    case "decide":
      decide(site.decisions, request.signed);
      site.book.forget();
      return { number: request.signed.statement.number };
    case "commit-sanitizing": {
      const { charge, result } = request;
      const nothing = (): void => {};
      ledger.append([{ kind: "committed", charge, result }], (state) => requireUnwritten(state, charge), nothing);
      return { charge };
    }
    default:
      return unreachable(request);
  }
}

function releaseSummaries({ records }: Site): readonly ReleaseSummary[] {
  const waiting = new Set(releasesWaiting(records).map(({ manifest }) => manifest));
  return records.releases.all().map(({ study, manifest, at, answer, told, refusal, revocation }) => ({
    ...{ study, manifest, at, told, refusal, revocation },
    isWaiting: waiting.has(manifest),
    answer:
      answer === null ? null : { answer: answer.answer, reason: answer.answer === "refused" ? answer.reason : null },
  }));
}

/** One charge, one file: what was written once, or by no sanitizer, is closed. */
function requireUnwritten({ sanitizings }: LedgerState, charge: ChargeId): void {
  const known = sanitizings.get(charge);
  if (known?.state === "acting" && known.body.from === undefined) return;
  throw new Failure({
    code: "sanitizer/charge-closed",
    kind: "refused",
    what: "This charge is no sanitizer's that still waits for its file.",
    remedy: "A new file is a new charge: run consilium-site sanitize again.",
  });
}

function waitingStewards({ newcomers }: LedgerState): WaitingSteward[] {
  return [...newcomers.values()].flatMap(({ asked, at, settled }) => {
    const { steward: name, publicKey, by, reason, statement: request } = asked;
    return settled === null ? [{ name, publicKey, by, reason, at, request }] : [];
  });
}

function summary({ config }: Site, proposal: ProposalRecord): StudySummary {
  const { study, digest, state, reason, dataset, told, progress, document, frozen, offer } = proposal;
  return {
    name: study,
    digest,
    purpose: document.purpose,
    epsilon: document.privacy.epsilon,
    delta: document.privacy.delta,
    state,
    reason,
    dataset,
    told,
    progress,
    frozen,
    offer,
    refusedBy: [...brokenRules(config.allow, document)],
  };
}

function requireProposal({ records }: Site, study: StudyName): ProposalRecord {
  const proposal = records.proposal(study);
  if (proposal !== null) return proposal;
  throw new Failure({
    code: "study/unknown",
    kind: "usage",
    what: `No study ${study} was proposed to this site.`,
    remedy: "See what was proposed: consilium-site study list",
  });
}
