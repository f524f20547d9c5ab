import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { Revocation, RevocationList } from "@consilium/shared/release/revocation";
import { missingOf, SignatoryAnswer } from "@consilium/shared/release/signatories";
import type { StudyName } from "@consilium/shared/units/identity";
import { Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { revocationsOf } from "../release/revoking.ts";
import { listReleases, overrideOf, type ReleaseRecord, releaseOf } from "../storage/releases.ts";
import { auditOf } from "../storage/results.ts";
import { approvalsCharged } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { ReleaseList, ReleaseView } from "./views.ts";

const RevokeRequest = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export function releaseEndpoints(service: Service): Endpoint[] {
  const { world, studies, releases } = service;
  return [
    endpoint({
      method: "get",
      path: "/api/releases",
      summary: "All releases, newest first, with those that wait for signatures",
      reply: ReleaseList,
      handle: () => ({ releases: listReleases(world.sql).map((release) => releaseView(service, release)) }),
    }),
    endpoint({
      method: "get",
      path: "/api/revocations",
      summary: "Every signed notice of a release that nobody should use any more",
      access: "public",
      reply: RevocationList,
      handle: () => revocationsOf(world),
    }),
    endpoint({
      method: "post",
      path: "/api/releases/:study/answers",
      summary: "Hands in a site's or an auditor's signature under a release, or their refusal",
      body: SignatoryAnswer,
      reply: ReleaseView,
      handle: async ({ params, body }) => {
        const { name } = studies.record(params.study ?? "");
        await releases.answer(name, body);
        return viewOf(service, name);
      },
    }),
    endpoint({
      method: "post",
      path: "/api/releases/:study/revocation",
      summary: "Revokes a release: a signed notice, for good",
      access: "lead",
      body: RevokeRequest,
      reply: Revocation,
      handle: ({ params, body, session }) => {
        const { name } = studies.record(params.study ?? "");
        return releases.revoke(name, { by: session?.name ?? "unknown", reason: body.reason });
      },
    }),
    endpoint({
      method: "get",
      path: "/api/releases/:study/files/{*file}",
      summary: "One file of a release, by its path in it",
      handle: async ({ params, response }) => {
        const release = listReleases(world.sql).find(({ study }) => study === params.study);
        const file = Object.values(RELEASE_PATHS).find((path) => path === params.file);
        if (release === undefined || file === undefined) throw noSuchFile();
        await new Promise<void>((resolve, reject) => {
          const options = { root: release.path, dotfiles: "deny" as const };
          response.sendFile(file, options, (error: unknown) => (error === undefined ? resolve() : reject(error)));
        });
      },
    }),
  ];
}

function viewOf(service: Service, study: StudyName): ReleaseView {
  const release = releaseOf(service.world.sql, study);
  if (release === undefined) throw noSuchFile();
  return releaseView(service, release);
}

function releaseView({ world, studies }: Service, release: ReleaseRecord): ReleaseView {
  const { study, manifest, path, signers, at, answers, revocation } = release;
  const { document, standing } = studies.record(study);
  const audit = auditOf(world.sql, study)?.report;
  const judged = audit === undefined ? null : gateOf(world, document, audit, approvalsCharged(world, study));
  const override = overrideOf(world.sql, study);
  const signed = answers.flatMap(({ answer, party }) => (answer === "signed" ? [party] : []));
  const best = audit?.best;
  return {
    ...{ study, manifest, path, signers: [...signers], releasedAt: at, state: standing.state },
    answers: answers.map((one) => {
      return { party: one.party, answer: one.answer, reason: one.answer === "refused" ? one.reason : null };
    }),
    missing: missingOf(document, signed),
    epsilon: judged === null ? null : Epsilon.parse(judged.claimedEpsilon),
    delta: document.privacy.delta,
    attackAuc: best?.state === "resolved" ? { low: best.low, value: best.value, high: best.high } : null,
    override:
      override === undefined ? null : { auditor: override.statement.auditor, reason: override.statement.reason },
    revoked: revocation === null ? null : { reason: revocation.statement.reason, at: revocation.statement.at },
  };
}

function noSuchFile(): Failure {
  return new Failure({
    code: "release/none",
    kind: "usage",
    what: "There is no such release, or no such file in it.",
    remedy: "See all releases: consilium release list.",
  });
}
