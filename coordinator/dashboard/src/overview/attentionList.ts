import { durationText, epsilonText } from "@consilium/page/figures/format";
import type { BudgetView } from "../../../src/http/budgetViews.ts";
import type { SiteView, StudyDetail } from "../../../src/http/views.ts";

export interface AttentionItem {
  readonly tone: "warn" | "bad";
  readonly words: string;
  readonly command: string;
}

/** Shares of a cap at which people are told. */
const CAP_SHARES = [0.95, 0.8] as const;
/** A week. */
const CERTIFICATE_MS = 7 * 86_400_000;

/** What a lead should look at, worst first; `now` in milliseconds since the epoch. */
export function attentionList(
  study: StudyDetail,
  sites: readonly SiteView[],
  budgets: readonly BudgetView[],
  now: number,
): readonly AttentionItem[] {
  const names = new Set<string>(study.document.sites.map(({ name }) => name));
  const members = sites.filter(({ name }) => names.has(name));
  const items = [
    ...pauseItems(study),
    ...members.flatMap((site) => siteItems(site, study, now)),
    ...budgetItems(budgets),
    ...approvalItems(study),
  ];
  return items.sort((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
}

/** A pause never ends by itself. */
function pauseItems({ name, state, reason }: StudyDetail): AttentionItem[] {
  if (state !== "paused") return [];
  return [
    { tone: "bad", words: `Paused: ${reason ?? "no reason was given"}.`, command: `consilium study resume ${name}` },
  ];
}

function siteItems(site: SiteView, study: StudyDetail, now: number): AttentionItem[] {
  const items: AttentionItem[] = [];
  const running = study.state === "training" || study.state === "auditing" || study.state === "paused";
  if (site.standing !== "enrolled") {
    items.push({ tone: "bad", words: `${site.name} is ${site.standing}.`, command: "consilium ca list" });
  } else if (running && !site.connected) {
    items.push({ tone: "bad", words: `${site.name} is not connected.`, command: "consilium-site doctor" });
  }
  const leftMs = site.certificateEndsAt === null ? null : Date.parse(site.certificateEndsAt) - now;
  if (leftMs !== null && leftMs < 0) {
    items.push({
      tone: "bad",
      words: `The certificate of ${site.name} has ended.`,
      command: `consilium ca invite ${site.name}`,
    });
  } else if (leftMs !== null && leftMs < CERTIFICATE_MS && !site.connected) {
    const words = `The certificate of ${site.name} ends in ${durationText(leftMs)} and can't renew while it is away.`;
    items.push({ tone: "warn", words, command: "consilium-site start" });
  }
  return items;
}

/** One line for each share of a cap that some data sets have passed, not one for each data set. */
function budgetItems(budgets: readonly BudgetView[]): AttentionItem[] {
  const shareOf = ({ spentEpsilon, cap }: BudgetView) => CAP_SHARES.find((share) => spentEpsilon >= share * cap);
  return CAP_SHARES.flatMap((share) => {
    const passed = budgets.filter((budget) => shareOf(budget) === share);
    if (passed.length === 0) return [];
    const names = passed.map((b) => `${b.site} (${epsilonText(b.spentEpsilon)} of ${epsilonText(b.cap)})`).join(", ");
    const words = `${Math.round(share * 100)} % of the cap or more is spent at ${names}.`;
    return [{ tone: share >= 0.95 ? "bad" : "warn", words, command: "consilium budget show" } as const];
  });
}

function approvalItems(study: StudyDetail): AttentionItem[] {
  if (study.state !== "proposed") return [];
  return study.approvals
    .filter(({ answer }) => answer !== "approved")
    .map(({ site, answer, reason }) => ({
      tone: answer === "rejected" ? "bad" : "warn",
      words:
        answer === "rejected"
          ? `${site} rejected the study${reason === null ? "" : `: ${reason}`}.`
          : `${site} has not answered yet.`,
      command:
        answer === "rejected" ? `consilium study show ${study.name}` : `consilium-site study approve ${study.name}`,
    }));
}
