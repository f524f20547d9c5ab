import { z } from "zod";
import { PublicKey } from "../units/identity.ts";

/** Somebody who signs releases, and nothing else; not a site's, nor the lead. */
export const AuditorName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "1 to 40 lower-case letters, digits or hyphens, starting with a letter")
  .brand<"AuditorName">();
export type AuditorName = z.infer<typeof AuditorName>;

const Auditor = z.strictObject({
  name: AuditorName,
  key: PublicKey.describe("As consilium audit key prints it."),
});

/** Whose signatures a release needs beside the coordinator's: signed with the study, so nobody changes it later. */
export const SignatureRule = z.strictObject({
  sites: z.number().int().min(0).default(0).describe("How many of the study's sites must sign."),
  auditors: z
    .array(Auditor)
    .max(20)
    .default([])
    .describe("Who may sign as an auditor, and override the gate with a reason that stays."),
  fromAuditors: z.number().int().min(0).default(0).describe("How many of those must sign."),
});
export type SignatureRule = z.infer<typeof SignatureRule>;

export const ReleaseRule = z.strictObject({
  formats: z.array(z.literal("safetensors")).min(1).default(["safetensors"]).describe("Files of the released model."),
  signatures: SignatureRule.optional().describe("Absent: the coordinator's alone."),
});
export type ReleaseRule = z.infer<typeof ReleaseRule>;

/** Why these signatures can't be had, each with its place below `release`. */
export function releaseFaults(
  { signatures }: ReleaseRule,
  sites: number,
): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  if (signatures === undefined) return [];
  const { auditors, fromAuditors } = signatures;
  const at = (...path: (string | number)[]): (string | number)[] => ["signatures", ...path];
  const faults: { path: (string | number)[]; message: string }[] = [];
  if (signatures.sites > sites)
    faults.push({ path: at("sites"), message: `must be ≤ ${sites}, the number of sites (got ${signatures.sites})` });
  if (fromAuditors > auditors.length)
    faults.push({
      path: at("fromAuditors"),
      message: `must be ≤ ${auditors.length}, the number of auditors (got ${fromAuditors})`,
    });
  auditors.forEach(({ name, key }, i) => {
    const others = auditors.slice(0, i);
    if (others.some((other) => other.name === name))
      faults.push({ path: at("auditors", i, "name"), message: `auditor ${name} is listed twice` });
    if (others.some((other) => other.key === key))
      faults.push({ path: at("auditors", i, "key"), message: "is another auditor's key: one person signs once" });
  });
  return faults;
}
