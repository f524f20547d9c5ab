import { fingerprintWords } from "@consilium/certs/fingerprint";
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { siteRecord } from "../storage/consortium.ts";
import { attendance } from "../storage/rounds.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { SiteToken } from "./shownOnce.ts";
import { SiteList } from "./views.ts";

export const SiteInvitation = z.strictObject({ site: SiteName }).meta({ id: "SiteInvitation" });

/** Named, so that a refusal says which part of the path is wrong. */
const SiteInPath = z.object({ site: SiteName });

export function siteEndpoints(service: Service): Endpoint[] {
  const { consortium, world, addresses } = service;
  return [
    endpoint({
      method: "get",
      path: "/api/sites",
      summary: "All sites that ever enrolled",
      reply: SiteList,
      handle: () => siteList(service),
    }),
    endpoint({
      method: "post",
      path: "/api/sites",
      summary: "Invites a site: a one-time enrolment token",
      access: "lead",
      body: SiteInvitation,
      reply: SiteToken,
      handle: ({ body }) => {
        world.logger.info("site-invited", { site: body.site });
        return { site: body.site, token: consortium.invite(body.site, addresses()), validHours: 24 };
      },
    }),
    endpoint({
      method: "post",
      path: "/api/sites/:site/revoke",
      summary: "Ends a site's membership and cuts its link at once",
      access: "lead",
      reply: SiteList,
      handle: ({ params }) => {
        consortium.revoke(SiteInPath.parse(params).site);
        world.logger.info("site-revoked", { site: params.site ?? "" });
        world.changed("sites", null);
        return siteList(service);
      },
    }),
  ];
}

function siteList({ consortium, world }: Service): z.input<typeof SiteList> {
  const counts = attendance(world.sql);
  const sites = consortium.roster().roster.sites.map(({ site, identityKey, stewardKey, state }) => {
    const { certificateEndsAt, lastEventAt } = siteRecord(world.sql, site);
    const { asked, answered } = counts.get(site) ?? { asked: 0, answered: 0 };
    return {
      name: site,
      standing: state === "active" ? ("enrolled" as const) : ("revoked" as const),
      connected: world.link.isConnected(site),
      lastEventAt,
      certificateEndsAt,
      backend: null,
      version: null,
      fingerprint: fingerprintWords(site, [identityKey, stewardKey]),
      roundsAnswered: answered,
      roundsAsked: asked,
    };
  });
  return { sites };
}
