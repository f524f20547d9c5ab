import type { ShadowRule } from "../audit/shadowRule.ts";
import { type AttackName, isReferenceAttack, isShadowAttack } from "./audit.ts";
import type { ReferenceRule } from "./references.ts";

/** What of a study its reference models hang on. */
interface Referring {
  readonly audit: {
    readonly attacks: readonly AttackName[];
    readonly references?: ReferenceRule | undefined;
    readonly shadow?: ShadowRule | undefined;
  };
  readonly data: { readonly split?: string | undefined; readonly shares: { readonly reference?: number | undefined } };
  readonly privacy: { readonly mechanism: string };
}

/** Why a study can't have its reference models, or what it lacks for them. */
export function referenceFaults({ audit, data, privacy }: Referring): { path: string[]; message: string }[] {
  const { references } = audit;
  const needing = audit.attacks.filter((attack) => isReferenceAttack(attack) || isShadowAttack(attack));
  const shadowed = shadowFaults(audit);
  if (shadowed.length > 0) return shadowed;
  if (references === undefined) {
    if (needing.length === 0) return [];
    return [{ path: ["audit", "references"], message: `is missing: ${needing.join(" and ")} need such models` }];
  }
  const faults: { path: string[]; message: string }[] = [];
  if (needing.length === 0)
    faults.push({
      path: ["audit", "references"],
      message:
        "would be paid for nothing: add relative-membership, likelihood-ratio or audit.shadow with its attacks, or remove it",
    });
  if (privacy.mechanism === "sanitized")
    faults.push({
      path: ["audit", "references"],
      message: "can't be had with mechanism sanitized: no original record may train; remove it and its attacks",
    });
  if (data.split !== undefined)
    faults.push({
      path: ["data", "split"],
      message: "knows no reference part, which audit.references needs: split by patients' keys, with data.shares",
    });
  else if (data.shares.reference === undefined)
    faults.push({
      path: ["data", "shares"],
      message: "needs a share `reference`: audit.references trains on patients who are in no other part",
    });
  return faults;
}

/** A shadow without attacks, or attacks without it. */
function shadowFaults({ attacks, shadow }: Referring["audit"]): { path: string[]; message: string }[] {
  const needing = attacks.filter(isShadowAttack);
  const path = ["audit", "shadow"];
  if (shadow === undefined && needing.length > 0)
    return [{ path, message: `is missing: ${needing.join(" and ")} are learnt from its histograms` }];
  if (shadow !== undefined && needing.length === 0)
    return [
      { path, message: "would be paid for nothing: add class-threshold or learned to audit.attacks, or remove it" },
    ];
  return [];
}
