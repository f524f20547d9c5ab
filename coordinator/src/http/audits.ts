import { Failure } from "@consilium/shared/failure/failure";
import { GateOverride } from "@consilium/shared/release/override";
import { auditOf } from "../storage/results.ts";
import { approvalsCharged, whyEndedEarly } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { detailOf } from "./studies.ts";
import { AuditView, StudyDetail } from "./views.ts";

export function auditEndpoints(service: Service): Endpoint[] {
  const { studies, releases, world } = service;
  return [
    endpoint({
      method: "get",
      path: "/api/studies/:study/audit",
      summary: "The audit's report and what the gate said of it",
      reply: AuditView,
      handle: ({ params }) => {
        const { name, document } = studies.record(params.study ?? "");
        const audit = auditOf(world.sql, name);
        if (audit === undefined) throw notAudited(name);
        const judged = gateOf(world, document, audit.report, approvalsCharged(world, name));
        const { delta } = document.privacy;
        const endedEarly = whyEndedEarly(world.sql, document);
        return { auditedAt: audit.at, endedEarly, report: audit.report, ...judged, delta };
      },
    }),
    endpoint({
      method: "post",
      path: "/api/studies/:study/override",
      summary: "Hands in an auditor's signed override of the gate's refusal; it stays in the ledger and in the release",
      body: GateOverride,
      reply: StudyDetail,
      handle: async ({ params, body }) => {
        const { name } = studies.record(params.study ?? "");
        await releases.override(name, body);
        return detailOf(service, studies.record(name));
      },
    }),
  ];
}

function notAudited(study: string): Failure {
  return new Failure({
    code: "audit/none",
    kind: "usage",
    what: `Study ${study} has not been audited yet.`,
    remedy: `The audit follows the last training round: consilium study watch ${study}.`,
  });
}
