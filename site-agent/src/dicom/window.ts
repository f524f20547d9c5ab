import { z } from "zod";

export const Window = z
  .strictObject({
    center: z.number().min(-1e6).max(1e6),
    width: z.number().min(1).max(1e6),
    function: z.enum(["linear", "linear-exact", "sigmoid"]).default("linear"),
  })
  .describe("Values of this width around the centre become 0 to 255 (PS3.3, C.11.2.1.2).");
export type Window = z.infer<typeof Window>;

const GREATEST = 255;

/**
 * PS3.3, C.11.2.1.2.1 (linear), C.11.2.1.3.1 (sigmoid), C.11.2.1.3.2 (linear-exact), to 0..255; white and black may
 * change.
 */
export function windowed(
  values: Float32Array,
  { center, width, function: shape }: Window,
  isInverted: boolean,
): Float32Array {
  const shown = values.map((x) => {
    if (shape === "sigmoid") return GREATEST / (1 + Math.exp((-4 * (x - center)) / width));
    const exact = shape === "linear-exact";
    const place = exact
      ? (x - center) / width + 0.5
      : width === 1
        ? x > center - 0.5
          ? 1
          : 0
        : (x - (center - 0.5)) / (width - 1) + 0.5;
    return GREATEST * Math.min(1, Math.max(0, place));
  });
  return isInverted ? shown.map((value) => GREATEST - value) : shown;
}
