import type { ClippingNorm } from "../units/privacy.ts";
import { jointNorm } from "./adaptiveNorm.ts";
import type { Clipping } from "./clipping.ts";

/** One patient's part of a contribution. */
export interface PatientPart {
  /** Its coordinates: all parameters, then the count of gradients below the norm, where clipping is adaptive. */
  readonly dimension: number;
  /** Its L2 norm at most, in every round: what the noise is measured by. */
  readonly norm: number;
}

export function patientPart(
  { clipping, clippingNorm }: { readonly clipping: Clipping; readonly clippingNorm: ClippingNorm },
  parameters: number,
): PatientPart {
  if (clipping.mode !== "adaptive") return { dimension: parameters, norm: clippingNorm };
  return { dimension: parameters + 1, norm: jointNorm(clipping, clippingNorm) };
}
