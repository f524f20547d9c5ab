import type { BudgetView, SiteView, StudyDetail } from "../../../src/http/views.ts";
import { epsilonText } from "../figures/format.ts";

export interface AttentionItem {
  readonly tone: "warn" | "bad";
  readonly words: string;
  readonly command: string;
}

/** Shares of a cap at which people are told. */
const CAP_SHARES = [0.95, 0.8] as const;
const CERTIFICATE_DAYS = 7;
const DAY_MS = 86_400_000;

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
    ...members.flatMap((site) => siteItems(site, study, now)),
    ...budgets.flatMap(budgetItems),
    ...approvalItems(study),
  ];
  return items.sort((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
}

function siteItems(site: SiteView, study: StudyDetail, now: number): AttentionItem[] {
  const items: AttentionItem[] = [];
  const running = study.state === "training" || study.state === "auditing" || study.state === "paused";
  if (site.standing !== "enrolled") {
    items.push({ tone: "bad", words: `${site.name} is ${site.standing}.`, command: "consilium ca list" });
  } else if (running && !site.connected) {
    items.push({ tone: "bad", words: `${site.name} is not connected.`, command: "consilium-site doctor" });
  }
  const days = site.certificateEndsAt === null ? null : (Date.parse(site.certificateEndsAt) - now) / DAY_MS;
  if (days !== null && days < 0) {
    items.push({
      tone: "bad",
      words: `The certificate of ${site.name} has ended.`,
      command: `consilium ca invite ${site.name}`,
    });
  } else if (days !== null && days < CERTIFICATE_DAYS && !site.connected) {
    const words = `The certificate of ${site.name} ends in ${Math.ceil(days)} days and can't renew while it is away.`;
    items.push({ tone: "warn", words, command: "consilium-site start" });
  }
  return items;
}

function budgetItems(budget: BudgetView): AttentionItem[] {
  const used = budget.cap === 0 ? 1 : (budget.spentEpsilon + budget.reservedEpsilon) / budget.cap;
  const share = CAP_SHARES.find((limit) => used >= limit);
  if (share === undefined) return [];
  const figures = `${epsilonText(budget.spentEpsilon)} of ${epsilonText(budget.cap)}`;
  return [
    {
      tone: share >= 0.95 ? "bad" : "warn",
      words: `${budget.site} has spent or reserved over ${share * 100} % of its cap (${figures}).`,
      command: "consilium budget show",
    },
  ];
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
