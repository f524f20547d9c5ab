import { EnrolmentGrant, EnrolmentRequest } from "@consilium/certs/enrolment";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";

export const ENROLMENT_PATH = "/api/enrolment";

export function enrolmentEndpoints({ consortium, world }: Service): Endpoint[] {
  return [
    endpoint({
      method: "post",
      path: ENROLMENT_PATH,
      summary: "Admits a site: one-time token and certificate request in, certificate out",
      access: "public",
      perMinuteMax: 60,
      body: EnrolmentRequest,
      reply: EnrolmentGrant,
      handle: async ({ body }) => {
        const grant = await consortium.enrol(body);
        world.logger.info("site-enrolled", { site: grant.site });
        world.changed("sites", null);
        return grant;
      },
    }),
  ];
}
