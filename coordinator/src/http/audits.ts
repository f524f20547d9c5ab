import { Failure } from "@consilium/shared/failure/failure";
import { auditOf } from "../storage/results.ts";
import { approvalsCharged, whyEndedEarly } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { AuditView } from "./views.ts";

export function auditEndpoints({ studies, world }: Service): Endpoint[] {
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
