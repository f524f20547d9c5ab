/** How an object's pixels are written (PS3.3, C.7.6.3), within bounds: what doesn't agree with itself is refused. */
import { unreadableData } from "../connector/connector.ts";
import { bytesOf, type DicomDataset, numberOf, TAG, textOf } from "./dataset.ts";
import { type PixelCodec, transferSyntaxOf } from "./transferSyntax.ts";

export interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly samples: 1 | 3;
  readonly photometric: string;
  readonly bitsAllocated: 8 | 16;
  readonly bitsStored: number;
  readonly isSigned: boolean;
  /** All samples of one colour, then of the next. */
  readonly isPlanar: boolean;
  readonly codec: PixelCodec;
}

/** One frame beyond this is a bomb, not a picture: the largest detectors have about 6,000 × 6,000. */
export const FRAME_PIXELS_MAX = 64 * 1024 * 1024;
const FRAMES_MAX = 100_000;

export function pixelFormatOf(dataset: DicomDataset, transferSyntax: string): PixelFormat {
  const { codec } = transferSyntaxOf(transferSyntax);
  if (!dataset.has(TAG.pixelData))
    throw unreadableData(
      "dicom-no-pixels",
      "A DICOM file holds no pixels.",
      "Leave reports and plans out of the folder.",
    );
  const whole = (tag: number, least: number, most: number): number => {
    const value = numberOf(dataset, tag);
    if (value === null || !Number.isInteger(value) || value < least || value > most) throw unusable();
    return value;
  };
  const rows = whole(TAG.rows, 1, 0xffff);
  const columns = whole(TAG.columns, 1, 0xffff);
  if (rows * columns > FRAME_PIXELS_MAX)
    throw unreadableData("image-too-large", "An image claims more pixels than any real one has.", "Leave it out.");
  const samples = whole(TAG.samplesPerPixel, 1, 4);
  const allocated = whole(TAG.bitsAllocated, 1, 64);
  const bitsStored = whole(TAG.bitsStored, 1, 64);
  const highBit = numberOf(dataset, TAG.highBit) ?? bitsStored - 1;
  if ((samples !== 1 && samples !== 3) || (allocated !== 8 && allocated !== 16)) throw unusable();
  if (bitsStored > allocated || highBit !== bitsStored - 1) throw unusable();
  return {
    rows,
    columns,
    frames: numberOf(dataset, TAG.frames) === null ? 1 : whole(TAG.frames, 1, FRAMES_MAX),
    samples,
    photometric: textOf(dataset, TAG.photometric) ?? "MONOCHROME2",
    bitsAllocated: allocated,
    bitsStored,
    isSigned: numberOf(dataset, TAG.pixelRepresentation) === 1,
    isPlanar: numberOf(dataset, TAG.planarConfiguration) === 1,
    codec,
  };
}

/** Bytes of one frame as it is written without compression. */
export function frameBytes({ rows, columns, samples, photometric, bitsAllocated }: PixelFormat): number {
  const perPixel = photometric === "YBR_FULL_422" ? 2 : samples;
  return rows * columns * perPixel * (bitsAllocated / 8);
}

/**
 * The bytes of uncompressed frames and none beyond, with the bits that the pixels don't use put to what they stand
 * for: old systems kept overlays there, which may hold names.
 */
export function plainPixels(dataset: DicomDataset, format: PixelFormat): Uint8Array {
  const bytes = bytesOf(dataset, TAG.pixelData);
  const length = frameBytes(format) * format.frames;
  if (bytes === null || bytes.length < length)
    throw unreadableData("dicom-truncated", "A DICOM file has fewer pixels than it says.", "Export it again, whole.");
  const pixels = Uint8Array.from(bytes.subarray(0, length));
  const { bitsAllocated, bitsStored, isSigned } = format;
  if (bitsStored === bitsAllocated) return pixels;
  const unused = 32 - bitsStored;
  const view = new DataView(pixels.buffer);
  for (let i = 0; i < length; i += bitsAllocated / 8) {
    const word = bitsAllocated === 16 ? view.getUint16(i, true) : view.getUint8(i);
    const value = isSigned ? (word << unused) >> unused : (word << unused) >>> unused;
    if (bitsAllocated === 16) view.setUint16(i, value & 0xffff, true);
    else view.setUint8(i, value & 0xff);
  }
  return pixels;
}

function unusable(): Error {
  return unreadableData(
    "dicom-pixels",
    "A DICOM file's pixels are of a form that is not read: 1 or 3 samples of 8 or 16 bits, the highest bit in its place.",
    "Have the archive export it in a common form.",
  );
}
