import { addPixelLaplace } from "@consilium/shared/mechanism/recordNoise";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { RawArray } from "@consilium/shared/study/features";
import type { LocalLook } from "./look.ts";

/** A picture as it is and with noise on each pixel: numbers in [0, 1], [height, width, channels]. */
export interface PictureRow {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly original: Float64Array;
  /** By the scale β of the Laplace noise; ε = 1/β for one pixel. */
  readonly noised: readonly { readonly beta: number; readonly values: Float64Array }[];
}

/** Those of the imaging paper's Figure 2. */
const BETAS = [1, 2, 4];

/** The first pictures before and after noise on their pixels; what lies outside [0, 1] is drawn black or white. */
export function pictureRows({ pictures }: LocalLook, random: RandomSource): readonly PictureRow[] {
  return pictures.map(({ column, picture }) => {
    const original = Float64Array.from(picture.values, (value) =>
      inUnits((value - column.min) / (column.max - column.min)),
    );
    const noised = BETAS.map((beta) => {
      const { steps, step } = addPixelLaplace({ kind: "unit-pixels", values: original }, beta, random).value;
      return { beta, values: steps.map((value) => inUnits(value * step)) };
    });
    return { ...sizeOf(picture), original, noised };
  });
}

/** For an `img`: the numbers as a PNG file of 8 bits. */
export async function pngOf({ height, width, channels }: PictureRow, values: Float64Array): Promise<string> {
  const { default: sharp } = await import("sharp");
  const raw = { height, width, channels: channels === 3 ? (3 as const) : (1 as const) };
  const png = await sharp(
    Uint8Array.from(values, (value) => Math.round(255 * value)),
    { raw },
  )
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}

function sizeOf({ shape: [height = 1, width = 1, channels = 1] }: RawArray) {
  return { height, width, channels };
}

function inUnits(value: number): number {
  return Math.min(1, Math.max(0, value));
}
