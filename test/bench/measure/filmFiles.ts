/** Pictures as hospitals have them, made up: what they show doesn't matter to what decoding them takes. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DicomElement, TAG, textElement } from "@consilium/site-agent/dicom/dataset";
import { EXPLICIT_LITTLE_ENDIAN } from "@consilium/site-agent/dicom/transferSyntax";
import { writeDicom } from "@consilium/site-agent/dicom/write";
import sharp from "sharp";

/** Of the published chest films the middle ones have about so many pixels, in a JPEG of some 100 KiB. */
const FILM = { height: 970, width: 1320 } as const;
const QUALITY = 90;
/** A slice of a CT scanner. */
const SLICE_SIDE = 512;
const STORED_BITS = 12;
const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";

/** Grey JPEG files, each of its own. */
export async function writeFilms(folder: string, count: number): Promise<void> {
  mkdirSync(folder);
  for (let film = 0; film < count; film++) {
    const shades = Uint8Array.from({ length: 24 * 32 }, (_, i) => (film * 7919 + i * 104_729 + i * i * film) % 256);
    const jpeg = await sharp(shades, { raw: { height: 24, width: 32, channels: 1 } })
      .resize({ ...FILM, fit: "fill", kernel: "cubic" })
      .toColourspace("b-w")
      .jpeg({ quality: QUALITY })
      .toBuffer();
    writeFileSync(join(folder, `film${film}.jpeg`), jpeg);
  }
}

/** Grey slices of 16 bits without compression, by the writer that the de-identifier uses. */
export function writeSlices(folder: string, count: number): void {
  mkdirSync(folder);
  for (let slice = 0; slice < count; slice++) {
    const pixels = new Uint16Array(SLICE_SIDE * SLICE_SIDE).map((_, i) => (i * (slice + 1)) % 2 ** STORED_BITS);
    const elements: readonly DicomElement[] = [
      textElement(TAG.sopClass, "UI", CT_IMAGE),
      textElement(TAG.sopInstance, "UI", `1.2.3.${slice + 1}`),
      textElement(TAG.modality, "CS", "CT"),
      textElement(TAG.patientId, "LO", `P${Math.floor(slice / 10)}`),
      short(TAG.samplesPerPixel, 1),
      textElement(TAG.photometric, "CS", "MONOCHROME2"),
      short(TAG.rows, SLICE_SIDE),
      short(TAG.columns, SLICE_SIDE),
      short(TAG.bitsAllocated, 16),
      short(TAG.bitsStored, STORED_BITS),
      short(TAG.highBit, STORED_BITS - 1),
      short(TAG.pixelRepresentation, 0),
      { tag: TAG.pixelData, vr: "OW", value: { kind: "bytes", bytes: new Uint8Array(pixels.buffer) } },
    ];
    const dataset = new Map(elements.map((element) => [element.tag, element]));
    writeFileSync(join(folder, `${slice}.dcm`), writeDicom({ transferSyntax: EXPLICIT_LITTLE_ENDIAN, dataset }));
  }
}

function short(tag: number, value: number): DicomElement {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return { tag, vr: "US", value: { kind: "bytes", bytes } };
}
