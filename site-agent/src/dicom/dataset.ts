/** A DICOM object in memory: elements by tag, values as little-endian bytes whatever the file's byte order was. */

/** Group and element as one number: (0010,0020) is 0x00100020. */
export type Tag = number;

export interface DicomElement {
  readonly tag: Tag;
  /** Value representation: two capitals. */
  readonly vr: string;
  readonly value: DicomValue;
}

/** Plain bytes; the items of a sequence; or the fragments of compressed pixels, without their offset table. */
export type DicomValue =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "items"; readonly items: readonly DicomDataset[] }
  | { readonly kind: "fragments"; readonly fragments: readonly Uint8Array[] };

export type DicomDataset = ReadonlyMap<Tag, DicomElement>;

export interface DicomObject {
  readonly transferSyntax: string;
  readonly dataset: DicomDataset;
}

export const TAG = {
  sopClass: 0x00080016,
  sopInstance: 0x00080018,
  modality: 0x00080060,
  conversionType: 0x00080064,
  patientId: 0x00100020,
  samplesPerPixel: 0x00280002,
  photometric: 0x00280004,
  planarConfiguration: 0x00280006,
  frames: 0x00280008,
  rows: 0x00280010,
  columns: 0x00280011,
  bitsAllocated: 0x00280100,
  bitsStored: 0x00280101,
  highBit: 0x00280102,
  pixelRepresentation: 0x00280103,
  burnedIn: 0x00280301,
  windowCenter: 0x00281050,
  windowWidth: 0x00281051,
  rescaleIntercept: 0x00281052,
  rescaleSlope: 0x00281053,
  windowFunction: 0x00281056,
  modalityLut: 0x00283000,
  sharedFunctionalGroups: 0x52009229,
  perFrameFunctionalGroups: 0x52009230,
  pixelData: 0x7fe00010,
} as const;

/** Its texts, by the backslash that stands between them; none where the element is absent or empty. */
export function textsOf(dataset: DicomDataset, tag: Tag): readonly string[] {
  const bytes = bytesOf(dataset, tag);
  if (bytes === null) return [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return text.split("\\").map((part) => part.replace(/[\0 ]+$/, "").trimStart());
}

/** The first text; `null` where there is none or it is empty. */
export function textOf(dataset: DicomDataset, tag: Tag): string | null {
  return textsOf(dataset, tag)[0] || null;
}

/** The first number, of text (DS, IS) or binary; `null` where there is none. */
export function numberOf(dataset: DicomDataset, tag: Tag): number | null {
  const element = dataset.get(tag);
  const bytes = bytesOf(dataset, tag);
  if (element === undefined || bytes === null || bytes.length === 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (element.vr === "US" && bytes.length >= 2) return view.getUint16(0, true);
  if (element.vr === "SS" && bytes.length >= 2) return view.getInt16(0, true);
  if (element.vr === "UL" && bytes.length >= 4) return view.getUint32(0, true);
  if (element.vr === "FL" && bytes.length >= 4) return view.getFloat32(0, true);
  if (element.vr === "FD" && bytes.length >= 8) return view.getFloat64(0, true);
  const text = textOf(dataset, tag);
  const number = text === null ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : null;
}

export function bytesOf(dataset: DicomDataset, tag: Tag): Uint8Array | null {
  const value = dataset.get(tag)?.value;
  return value?.kind === "bytes" ? value.bytes : null;
}

export function itemsOf(dataset: DicomDataset, tag: Tag): readonly DicomDataset[] {
  const value = dataset.get(tag)?.value;
  return value?.kind === "items" ? value.items : [];
}

export function textElement(tag: Tag, vr: string, text: string): DicomElement {
  return { tag, vr, value: { kind: "bytes", bytes: Buffer.from(text, "latin1") } };
}

/** `(0010,0020)`. */
export function tagText(tag: Tag): string {
  const digits = tag.toString(16).padStart(8, "0");
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}
