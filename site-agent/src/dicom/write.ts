/**
 * Writes a DICOM object: compressed pixels as they are, all else as Explicit VR Little Endian, lengths always stated.
 */
import type { DicomDataset, DicomElement, DicomObject } from "./dataset.ts";
import { TAG, textElement, textOf } from "./dataset.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "./transferSyntax.ts";

const LONG = new Set("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" "));
/** Filled up with a zero byte; the others with a blank (PS3.5, 6.2). */
const ZERO_FILLED = new Set("OB OD OF OL OV OW UI UN".split(" "));
/** A UID of ours, from a UUID of version 4 (PS3.5, B.2). */
const IMPLEMENTATION_CLASS = "2.25.225893264418430716923907268370129874517";
const IMPLEMENTATION_VERSION = "CONSILIUM";

export function writeDicom(object: DicomObject): Uint8Array {
  const { dataset } = object;
  const isCompressed = dataset.get(TAG.pixelData)?.value.kind === "fragments";
  const meta = [
    { tag: 0x00020001, vr: "OB", value: { kind: "bytes", bytes: Uint8Array.of(0, 1) } } satisfies DicomElement,
    textElement(0x00020002, "UI", textOf(dataset, TAG.sopClass) ?? ""),
    textElement(0x00020003, "UI", textOf(dataset, TAG.sopInstance) ?? ""),
    textElement(0x00020010, "UI", isCompressed ? object.transferSyntax : EXPLICIT_LITTLE_ENDIAN),
    textElement(0x00020012, "UI", IMPLEMENTATION_CLASS),
    textElement(0x00020013, "SH", IMPLEMENTATION_VERSION),
  ].flatMap(encoded);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sizeOf(meta));
  const group = encoded({ tag: 0x00020000, vr: "UL", value: { kind: "bytes", bytes: length } });
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), ...group, ...meta, ...encodedAll(dataset)]);
}

function encodedAll(dataset: DicomDataset): Uint8Array[] {
  return [...dataset.values()].sort((a, b) => a.tag - b.tag).flatMap(encoded);
}

function encoded({ tag, vr, value }: DicomElement): Uint8Array[] {
  if (value.kind === "fragments") return encodedFragments(tag, value.fragments);
  const body = value.kind === "bytes" ? evened(value.bytes, vr) : value.items.flatMap(encodedItem);
  const size = sizeOf(body);
  // A text of a short kind that is too long for its length field is written as one without a kind.
  const written = !LONG.has(vr) && size > 0xffff ? "UN" : vr;
  const head = Buffer.alloc(LONG.has(written) ? 12 : 8);
  writeTag(head, tag);
  head.write(written, 4, "latin1");
  if (LONG.has(written)) head.writeUInt32LE(size, 8);
  else head.writeUInt16LE(size, 6);
  return [head, ...body];
}

function encodedItem(item: DicomDataset): Uint8Array[] {
  const body = encodedAll(item);
  return [itemHead(0xfffee000, sizeOf(body)), ...body];
}

/** An empty offset table: the standard lets a reader do without, and stripped streams have moved. */
function encodedFragments(tag: number, fragments: readonly Uint8Array[]): Uint8Array[] {
  const head = Buffer.alloc(12);
  writeTag(head, tag);
  head.write("OB", 4, "latin1");
  head.writeUInt32LE(0xffffffff, 8);
  const items = fragments.flatMap((fragment) => {
    const even = evened(fragment, "OB");
    return [itemHead(0xfffee000, sizeOf(even)), ...even];
  });
  return [head, itemHead(0xfffee000, 0), ...items, itemHead(0xfffee0dd, 0)];
}

function itemHead(tag: number, length: number): Uint8Array {
  const head = Buffer.alloc(8);
  writeTag(head, tag);
  head.writeUInt32LE(length, 4);
  return head;
}

function writeTag(head: Buffer, tag: number): void {
  head.writeUInt16LE(Math.floor(tag / 0x10000), 0);
  head.writeUInt16LE(tag % 0x10000, 2);
}

function evened(bytes: Uint8Array, vr: string): Uint8Array[] {
  return bytes.length % 2 === 0 ? [bytes] : [bytes, Uint8Array.of(ZERO_FILLED.has(vr) ? 0 : 0x20)];
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
