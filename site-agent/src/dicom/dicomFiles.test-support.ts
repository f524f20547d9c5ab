import type { DicomDataset, DicomElement, Tag } from "./dataset.ts";
import { TAG, textElement } from "./dataset.ts";

export const CT = "1.2.840.10008.5.1.4.1.1.2";

export function datasetOf(elements: readonly DicomElement[]): DicomDataset {
  return new Map(elements.map((element) => [element.tag, element]));
}

export function shortElement(tag: Tag, value: number): DicomElement {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return { tag, vr: "US", value: { kind: "bytes", bytes } };
}

/** A grey image of 16 bits, 12 of them used; `more` replaces or adds elements. */
export function greyImage(rows: number, columns: number, more: readonly DicomElement[] = []): DicomDataset {
  const pixels = Buffer.alloc(rows * columns * 2);
  for (let i = 0; i < rows * columns; i++) pixels.writeUInt16LE(i % 4096, 2 * i);
  const elements = [
    textElement(TAG.sopClass, "UI", CT),
    textElement(TAG.sopInstance, "UI", "1.2.3.4.5"),
    textElement(TAG.modality, "CS", "CT"),
    textElement(TAG.patientId, "LO", "PATIENT-7"),
    shortElement(TAG.samplesPerPixel, 1),
    textElement(TAG.photometric, "CS", "MONOCHROME2"),
    shortElement(TAG.rows, rows),
    shortElement(TAG.columns, columns),
    shortElement(TAG.bitsAllocated, 16),
    shortElement(TAG.bitsStored, 12),
    shortElement(TAG.highBit, 11),
    shortElement(TAG.pixelRepresentation, 0),
    { tag: TAG.pixelData, vr: "OW", value: { kind: "bytes", bytes: pixels } } satisfies DicomElement,
  ];
  return datasetOf([...elements, ...more]);
}
