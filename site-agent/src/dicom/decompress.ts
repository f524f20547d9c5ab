/**
 * One frame of any codec as plain samples: little-endian, colours pixel by pixel. Codecs load where they are needed.
 */
import { unreadableData } from "../connector/connector.ts";
import { streamSize } from "./codestream.ts";
import type { PixelFormat } from "./pixelFormat.ts";
import { decodeRle } from "./rle.ts";

export interface PlainFrame {
  readonly bytes: Uint8Array;
  /** Of each sample, which a codec may give in fewer than the object says. */
  readonly bytesPerSample: 1 | 2;
  /** Whether the codec has made RGB of the colours already. */
  readonly isRgb: boolean;
}

type Stream = Uint8Array<ArrayBuffer>;

export async function decompress(frame: Uint8Array, format: PixelFormat): Promise<PlainFrame> {
  const { rows, columns, samples, bitsAllocated, codec } = format;
  const bytesPerSample = bitsAllocated === 8 ? 1 : 2;
  if (codec === "rle")
    return { bytes: decodeRle(frame, rows * columns, samples, bytesPerSample), bytesPerSample, isRgb: false };
  const size = streamSize(frame);
  if (size === null || size.height !== rows || size.width !== columns || size.components !== samples) throw damaged();
  if (size.precision > bitsAllocated) throw damaged();
  const stream = Uint8Array.from(frame);
  const isDeep = size.precision > 8;
  try {
    if (codec === "jpeg") return { bytes: await baseline(stream, isDeep), bytesPerSample: 1, isRgb: true };
    const bytes = await decoded(stream, codec);
    if (bytes.length < rows * columns * samples * (isDeep ? 2 : 1)) throw damaged();
    return { bytes, bytesPerSample: isDeep ? 2 : 1, isRgb: codec === "jpeg-2000" };
  } catch (error) {
    if (error instanceof Error && "remedy" in error) throw error;
    throw damaged();
  }
}

async function baseline(stream: Stream, isDeep: boolean): Promise<Uint8Array> {
  if (isDeep)
    throw unreadableData(
      "dicom-transfer-syntax",
      "A DICOM file's transfer syntax can't be read: JPEG Extended of 12 bits.",
      "Have the archive export it as Explicit VR Little Endian.",
    );
  const { default: sharp } = await import("sharp");
  return sharp(stream, { failOn: "truncated" }).raw().toBuffer();
}

async function decoded(stream: Stream, codec: PixelFormat["codec"]): Promise<Uint8Array> {
  if (codec === "jpeg-lossless") {
    const { Decoder } = await import("jpeg-lossless-decoder-js");
    return new Uint8Array(new Decoder().decompress(stream.buffer, 0, stream.length));
  }
  const decoder = codec === "jpeg-ls" ? new (await charls()).JpegLSDecoder() : new (await openjpeg()).J2KDecoder();
  try {
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    // The decoder's memory is used again.
    return Uint8Array.from(decoder.getDecodedBuffer());
  } finally {
    decoder.delete();
  }
}

/** They would write to standard output, where results belong. */
const SILENT = { print: () => undefined, printErr: () => undefined };
const charls = once(async () => (await import("@cornerstonejs/codec-charls/decodewasmjs")).default(SILENT));
const openjpeg = once(async () => (await import("@cornerstonejs/codec-openjpeg/decodewasmjs")).default(SILENT));

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

function damaged(): Error {
  return unreadableData(
    "dicom-pixels-damaged",
    "A DICOM file's compressed pixels are damaged, or of another size than it says.",
    "Export it again.",
  );
}
