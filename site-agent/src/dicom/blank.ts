/**
 * Rectangles of every frame made blank. Compressed frames are decoded for it and stay so: text can't be cut out of
 * JPEG.
 */
import { unreadableData } from "../connector/connector.ts";
import { type DicomElement, type DicomObject, TAG, textElement } from "./dataset.ts";
import { plainFrame } from "./frame.ts";
import { type PixelFormat, pixelFormatOf } from "./pixelFormat.ts";
import { OBJECT_BYTES_MAX } from "./read.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "./transferSyntax.ts";

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export async function blanked(object: DicomObject, rectangles: readonly Rectangle[]): Promise<DicomObject> {
  const format = pixelFormatOf(object.dataset, object.transferSyntax);
  const { rows, columns, samples, frames, bitsAllocated } = format;
  const size = (bitsAllocated / 8) * samples * rows * columns;
  if (size * frames > OBJECT_BYTES_MAX || format.photometric === "YBR_FULL_422")
    throw unreadableData("dicom-blank", "A DICOM file's pixels can't be blanked in this form.", "Leave it out.");
  const all = new Uint8Array(size * frames);
  let isRgb = false;
  for (let frame = 0; frame < frames; frame++) {
    const plain = await plainFrame(object, format, frame);
    isRgb = plain.isRgb;
    const wide = bitsAllocated === 16 && plain.bytesPerSample === 1 ? widened(plain.bytes) : plain.bytes;
    const bytes = Uint8Array.from(wide.subarray(0, size));
    for (const rectangle of rectangles) blank(bytes, format, rectangle);
    all.set(bytes, frame * size);
  }
  const vr = bitsAllocated === 16 ? "OW" : "OB";
  const dataset = new Map(object.dataset);
  dataset.set(TAG.pixelData, { tag: TAG.pixelData, vr, value: { kind: "bytes", bytes: all } } satisfies DicomElement);
  if (samples === 3 && isRgb) dataset.set(TAG.photometric, textElement(TAG.photometric, "CS", "RGB"));
  const isPlanar = samples === 3 && format.isPlanar && format.codec === "native";
  if (samples === 3)
    dataset.set(TAG.planarConfiguration, {
      tag: TAG.planarConfiguration,
      vr: "US",
      value: { kind: "bytes", bytes: Uint8Array.of(isPlanar ? 1 : 0, 0) },
    });
  return { dataset, transferSyntax: EXPLICIT_LITTLE_ENDIAN };
}

function blank(bytes: Uint8Array, format: PixelFormat, { x, y, width, height }: Rectangle): void {
  const { rows, columns, samples, bitsAllocated, isPlanar, codec } = format;
  const sample = bitsAllocated / 8;
  const planes = isPlanar && samples === 3 && codec === "native";
  const pixel = planes ? sample : sample * samples;
  const right = Math.min(columns, x + width);
  if (x >= right) return;
  for (let plane = 0; plane < (planes ? 3 : 1); plane++)
    for (let row = y; row < Math.min(rows, y + height); row++) {
      const line = (plane * rows + row) * columns;
      bytes.fill(0, (line + x) * pixel, (line + right) * pixel);
    }
}

/** Samples that a codec gave in one byte, in two. */
function widened(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Uint16Array.from(bytes).buffer);
}
