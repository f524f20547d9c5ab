/** Secrets that are made for one person or site, and shown to whoever asked for them once. */
import { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";

/** A one-time link. */
export const LoginLink = z.strictObject({ link: z.string(), validHours: z.number() }).meta({ id: "LoginLink" });

/** A one-time enrolment token. */
export const SiteToken = z.strictObject({ site: SiteName, token: z.string(), validHours: z.number() }).meta({
  id: "SiteToken",
});
