/** One frame of a DICOM object as the numbers that it stands for, by public rules (PS3.3, C.7.6.3, C.11.1, C.11.2). */
import { unreadableData } from "../connector/connector.ts";
import type { Picture } from "../image/picture.ts";
import { type DicomDataset, type DicomObject, itemsOf, numberOf, TAG, textOf } from "./dataset.ts";
import { decompress, type PlainFrame } from "./decompress.ts";
import { lookUpTable } from "./lookUpTable.ts";
import { frameBytes, type PixelFormat, pixelFormatOf, plainPixels } from "./pixelFormat.ts";
import { type Window, windowed } from "./window.ts";

const VALUE_TRANSFORMATION = 0x00289145;

/**
 * Grey: the modality's values (Hounsfield units in CT), or 0 to 255 through a window. Colours: RGB of 0 to 255.
 * `window` is the data set's rule; "file" takes the object's own, which must be there.
 */
export async function pictureOf(object: DicomObject, frame: number, window: Window | "file" | null): Promise<Picture> {
  const { dataset } = object;
  const format = pixelFormatOf(dataset, object.transferSyntax);
  const { rows: height, columns: width, photometric } = format;
  const plain = await plainFrame(object, format, frame);
  if (photometric === "PALETTE COLOR")
    return { height, width, channels: 3, values: throughPalette(samplesOf(plain, format), dataset) };
  if (format.samples === 3) {
    const samples = photometric === "YBR_FULL_422" && !plain.isRgb ? spread(plain.bytes) : samplesOf(plain, format);
    const scale = format.bitsStored === 8 ? 1 : 255 / (2 ** format.bitsStored - 1);
    const values = photometric.startsWith("YBR_FULL") && !plain.isRgb ? toRgb(samples) : samples;
    return { height, width, channels: 3, values: scale === 1 ? values : values.map((value) => value * scale) };
  }
  if (photometric !== "MONOCHROME1" && photometric !== "MONOCHROME2") throw notRead(photometric);
  const values = samplesOf(plain, format);
  toModality(values, { dataset, frame, format, isTurned: photometric === "MONOCHROME1" && window === null });
  const chosen = window === "file" ? windowOf(dataset) : window;
  if (chosen === null) return { height, width, channels: 1, values };
  return { height, width, channels: 1, values: windowed(values, chosen, photometric === "MONOCHROME1") };
}

/** The frame's bytes without compression, by the number of the frame from 0. */
export async function plainFrame(object: DicomObject, format: PixelFormat, frame: number): Promise<PlainFrame> {
  const { frames, bitsAllocated } = format;
  if (format.codec === "native") {
    const length = frameBytes(format);
    const bytes = plainPixels(object.dataset, format).subarray(frame * length, (frame + 1) * length);
    return { bytes, bytesPerSample: bitsAllocated === 8 ? 1 : 2, isRgb: false };
  }
  const value = object.dataset.get(TAG.pixelData)?.value;
  const fragments = value?.kind === "fragments" ? value.fragments : [];
  if (fragments.length === 0 || (frames > 1 && fragments.length !== frames))
    throw unreadableData(
      "dicom-fragments",
      "A DICOM file's frames are cut into pieces that can't be told apart.",
      "Have the archive export it as Explicit VR Little Endian.",
    );
  return decompress(frames === 1 ? Buffer.concat(fragments) : (fragments[frame] ?? new Uint8Array()), format);
}

/** Numbers, pixel by pixel. */
function samplesOf({ bytes, bytesPerSample }: PlainFrame, format: PixelFormat): Float32Array {
  const { rows, columns, samples, bitsStored, isSigned, isPlanar, codec } = format;
  const pixels = rows * columns;
  const out = new Float32Array(pixels * samples);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const unused = 32 - bitsStored;
  const planes = isPlanar && samples === 3 && codec === "native";
  for (let i = 0; i < out.length; i++) {
    const word = bytesPerSample === 1 ? view.getUint8(i) : view.getUint16(2 * i, true);
    const value = isSigned ? (word << unused) >> unused : (word << unused) >>> unused;
    out[planes ? (i % pixels) * 3 + Math.floor(i / pixels) : i] = value;
  }
  return out;
}

/** What the modality's values are made of. */
interface Measured {
  readonly dataset: DicomDataset;
  readonly frame: number;
  readonly format: PixelFormat;
  /** Low values become high ones. */
  readonly isTurned: boolean;
}

const MODALITY_TABLE = { descriptor: 0x00283002, data: 0x00283006 } as const;

/** By the table, or else slope and intercept, of the object, of all its frames or of this one (PS3.3, C.11.1.1). */
function toModality(values: Float32Array, { dataset, frame, format, isTurned }: Measured): void {
  const groups = [
    dataset,
    ...itemsOf(dataset, TAG.sharedFunctionalGroups).flatMap((item) => itemsOf(item, VALUE_TRANSFORMATION)),
    ...itemsOf(dataset, TAG.perFrameFunctionalGroups)
      .slice(frame, frame + 1)
      .flatMap((item) => itemsOf(item, VALUE_TRANSFORMATION)),
  ];
  const [tabled] = groups.flatMap((group) => itemsOf(group, TAG.modalityLut));
  if (tabled !== undefined) {
    const { bits, entryOf } = lookUpTable(tabled, MODALITY_TABLE, format.isSigned);
    for (let i = 0; i < values.length; i++) {
      const entry = entryOf(values[i] ?? 0);
      values[i] = isTurned ? 2 ** bits - 1 - entry : entry;
    }
    return;
  }
  const found = groups.find((group) => numberOf(group, TAG.rescaleSlope) !== null);
  const slope = found === undefined ? 1 : (numberOf(found, TAG.rescaleSlope) ?? 1);
  const intercept = found === undefined ? 0 : (numberOf(found, TAG.rescaleIntercept) ?? 0);
  const around = isTurned ? invertedAround(format) : null;
  for (let i = 0; i < values.length; i++) {
    const stored = values[i] ?? 0;
    values[i] = slope * (around === null ? stored : around - stored) + intercept;
  }
}

/** White is low: least and greatest stored value change places. */
function invertedAround({ bitsStored, isSigned }: PixelFormat): number {
  return isSigned ? -1 : 2 ** bitsStored - 1;
}

function windowOf(dataset: DicomDataset): Window {
  const center = numberOf(dataset, TAG.windowCenter);
  const width = numberOf(dataset, TAG.windowWidth);
  if (center === null || width === null || width < 1)
    throw unreadableData(
      "dicom-window",
      "A DICOM file has no window of its own.",
      "State one: window: { center, width }.",
    );
  const said = textOf(dataset, TAG.windowFunction) ?? "LINEAR";
  const shape = said === "SIGMOID" ? "sigmoid" : said === "LINEAR_EXACT" ? "linear-exact" : "linear";
  return { center, width, function: shape };
}

/** PS3.3, C.7.6.3.1.5 and .6: a table for each colour, of which the 8 highest bits are taken. */
function throughPalette(values: Float32Array, dataset: DicomDataset): Float32Array {
  const out = new Float32Array(values.length * 3);
  for (let channel = 0; channel < 3; channel++) {
    const tags = { descriptor: 0x00281101 + channel, data: 0x00281201 + channel };
    const { bits, entryOf } = lookUpTable(dataset, tags, false);
    for (let i = 0; i < values.length; i++) {
      const entry = entryOf(values[i] ?? 0);
      out[3 * i + channel] = bits > 8 ? entry >>> 8 : entry & 0xff;
    }
  }
  return out;
}

/** PS3.3, C.7.6.3.1.2: full-range YCbCr of ITU-R BT.601. */
function toRgb(samples: Float32Array): Float32Array {
  const out = new Float32Array(samples.length);
  const bounded = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  for (let i = 0; i < samples.length; i += 3) {
    const y = samples[i] ?? 0;
    const cb = (samples[i + 1] ?? 0) - 128;
    const cr = (samples[i + 2] ?? 0) - 128;
    out[i] = bounded(y + 1.402 * cr);
    out[i + 1] = bounded(y - 0.344136 * cb - 0.714136 * cr);
    out[i + 2] = bounded(y + 1.772 * cb);
  }
  return out;
}

/** Y Y Cb Cr of each two pixels to Y Cb Cr of each. */
function spread(bytes: Uint8Array): Float32Array {
  const out = new Float32Array((bytes.length / 2) * 3);
  for (let i = 0; i < bytes.length; i += 4)
    out.set(
      [bytes[i] ?? 0, bytes[i + 2] ?? 0, bytes[i + 3] ?? 0, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0, bytes[i + 3] ?? 0],
      (i / 4) * 6,
    );
  return out;
}

function notRead(what: string): Error {
  return unreadableData(
    "dicom-pixels",
    `A DICOM file's pixels are of a form that is not read: ${what}.`,
    "Export it in a common form.",
  );
}
