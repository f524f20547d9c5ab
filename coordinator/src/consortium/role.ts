import { z } from "zod";

/** What a person may do: observers and auditors look, and an auditor signs audits; a lead moves studies and sites. */
export const Role = z.enum(["lead", "auditor", "observer"]);
export type Role = z.infer<typeof Role>;
