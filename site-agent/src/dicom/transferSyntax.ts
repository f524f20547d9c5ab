/** Transfer syntaxes (PS3.5, Annex A) by name: how an object is written, and which codec its pixels need. */
import { unreadableData } from "../connector/connector.ts";

export type PixelCodec = "native" | "rle" | "jpeg" | "jpeg-lossless" | "jpeg-ls" | "jpeg-2000";

export interface TransferSyntax {
  readonly name: string;
  readonly isImplicit: boolean;
  readonly isBigEndian: boolean;
  readonly isDeflated: boolean;
  /** `null`: known by name, and not read here. */
  readonly codec: PixelCodec | null;
}

export const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const JPEG = "1.2.840.10008.1.2.4";

const plain = { isImplicit: false, isBigEndian: false, isDeflated: false };
const SYNTAXES: ReadonlyMap<string, TransferSyntax> = new Map<string, TransferSyntax>([
  ["1.2.840.10008.1.2", { ...plain, name: "Implicit VR Little Endian", isImplicit: true, codec: "native" }],
  [EXPLICIT_LITTLE_ENDIAN, { ...plain, name: "Explicit VR Little Endian", codec: "native" }],
  [
    "1.2.840.10008.1.2.1.99",
    { ...plain, name: "Deflated Explicit VR Little Endian", isDeflated: true, codec: "native" },
  ],
  ["1.2.840.10008.1.2.2", { ...plain, name: "Explicit VR Big Endian", isBigEndian: true, codec: "native" }],
  ["1.2.840.10008.1.2.5", { ...plain, name: "RLE Lossless", codec: "rle" }],
  [`${JPEG}.50`, { ...plain, name: "JPEG Baseline", codec: "jpeg" }],
  [`${JPEG}.51`, { ...plain, name: "JPEG Extended", codec: "jpeg" }],
  [`${JPEG}.57`, { ...plain, name: "JPEG Lossless", codec: "jpeg-lossless" }],
  [`${JPEG}.70`, { ...plain, name: "JPEG Lossless, First-Order Prediction", codec: "jpeg-lossless" }],
  [`${JPEG}.80`, { ...plain, name: "JPEG-LS Lossless", codec: "jpeg-ls" }],
  [`${JPEG}.81`, { ...plain, name: "JPEG-LS Near-Lossless", codec: "jpeg-ls" }],
  [`${JPEG}.90`, { ...plain, name: "JPEG 2000 Lossless", codec: "jpeg-2000" }],
  [`${JPEG}.91`, { ...plain, name: "JPEG 2000", codec: "jpeg-2000" }],
  [`${JPEG}.92`, { ...plain, name: "JPEG 2000 Part 2 Lossless", codec: null }],
  [`${JPEG}.93`, { ...plain, name: "JPEG 2000 Part 2", codec: null }],
  [`${JPEG}.100`, { ...plain, name: "MPEG-2", codec: null }],
  [`${JPEG}.102`, { ...plain, name: "MPEG-4 AVC/H.264", codec: null }],
  [`${JPEG}.107`, { ...plain, name: "HEVC/H.265", codec: null }],
  [`${JPEG}.110`, { ...plain, name: "JPEG XL Lossless", codec: null }],
  [`${JPEG}.112`, { ...plain, name: "JPEG XL", codec: null }],
  [`${JPEG}.201`, { ...plain, name: "High-Throughput JPEG 2000 Lossless", codec: null }],
  [`${JPEG}.203`, { ...plain, name: "High-Throughput JPEG 2000", codec: null }],
]);

/** Refuses, by name where the standard has one, what can't be read. */
export function transferSyntaxOf(uid: string): TransferSyntax & { readonly codec: PixelCodec } {
  const known = SYNTAXES.get(uid);
  if (known !== undefined && known.codec !== null) return { ...known, codec: known.codec };
  const name = known?.name ?? "not one of the standard's known here";
  throw unreadableData(
    "dicom-transfer-syntax",
    `A DICOM file's transfer syntax can't be read: ${name}.`,
    "Have the archive export it as Explicit VR Little Endian, or compressed as JPEG, JPEG-LS, JPEG 2000 or RLE.",
  );
}
