import { z } from "zod";
import { AuditorName } from "../study/releaseRule.ts";
import { PartyName } from "../units/identity.ts";

const PREFIX = "auditor:";

/** Whoever may sign a release: `coordinator`, a site's name, or `auditor:` and a name. */
export const Signatory = z.union([
  PartyName,
  z
    .templateLiteral([PREFIX, z.string()])
    .refine((text) => AuditorName.safeParse(text.slice(PREFIX.length)).success, "auditor: and an auditor's name"),
]);
export type Signatory = z.infer<typeof Signatory>;

export function auditorSignatory(name: AuditorName): Signatory {
  return `${PREFIX}${name}`;
}

/** The auditor's name; null of a site and of the coordinator. */
export function auditorOf(party: Signatory): string | null {
  return party.startsWith(PREFIX) ? party.slice(PREFIX.length) : null;
}
