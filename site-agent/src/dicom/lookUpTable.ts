/** Look-up tables of numbers: of a palette (PS3.3, C.7.6.3.1.5 and .6) and of a modality (C.11.1.1). */
import { unreadableData } from "../connector/connector.ts";
import { bytesOf, type DicomDataset } from "./dataset.ts";

export interface LookUpTable {
  /** Of each entry. */
  readonly bits: number;
  /** The entry of a stored value; below the first value the first entry, beyond the last the last. */
  entryOf(stored: number): number;
}

const WORD_BITS = 16;
const ENTRIES_WITHOUT_NUMBER = 65_536;

/** By the descriptor's number of entries, first value and bits. `isSigned`: whether stored values are, as the first is. */
export function lookUpTable(
  dataset: DicomDataset,
  tags: { readonly descriptor: number; readonly data: number },
  isSigned: boolean,
): LookUpTable {
  const described = bytesOf(dataset, tags.descriptor);
  const table = bytesOf(dataset, tags.data);
  if (described === null || table === null || described.length < 6) throw unusable("without its descriptor or data");
  const view = new DataView(described.buffer, described.byteOffset, described.byteLength);
  const entries = view.getUint16(0, true) || ENTRIES_WITHOUT_NUMBER;
  const first = isSigned ? view.getInt16(2, true) : view.getUint16(2, true);
  const bits = view.getUint16(4, true);
  if (bits < 8 || bits > WORD_BITS) throw unusable("of other than 8 to 16 bits");
  // Entries of 8 bits lie in words or in bytes.
  const isWide = table.length >= 2 * entries;
  if (!isWide && (table.length < entries || bits > 8)) throw unusable("that is cut short");
  const words = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return {
    bits: isWide ? bits : 8,
    entryOf: (stored) => {
      const at = Math.min(entries - 1, Math.max(0, stored - first));
      return isWide ? words.getUint16(2 * at, true) : words.getUint8(at);
    },
  };
}

function unusable(how: string): Error {
  return unreadableData(
    "dicom-pixels",
    `A DICOM file has a look-up table ${how}.`,
    "Export it again, or without the table.",
  );
}
