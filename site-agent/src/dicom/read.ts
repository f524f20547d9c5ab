/**
 * Reads a DICOM file (PS3.10) into elements, within bounds that no hostile file can pass: every length is held against
 * the bytes that are there, sequences end at a depth, and a deflated body at a size. Nothing is guessed: an unknown
 * element of an implicit file is bytes, which the de-identifier drops.
 */
import { inflateRawSync } from "node:zlib";
import type { Failure } from "@consilium/shared/failure/failure";
import { unreadableData } from "../connector/connector.ts";
import type { DicomDataset, DicomElement, DicomObject, DicomValue } from "./dataset.ts";
import { type TransferSyntax, transferSyntaxOf } from "./transferSyntax.ts";

const PREAMBLE_BYTES = 128;
const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const PIXEL_DATA = 0x7fe00010;
/** Nested sequences of real objects go a few levels deep. */
const DEPTH_MAX = 16;
/** An uncompressed object beyond this is refused, deflated ones with it. */
export const OBJECT_BYTES_MAX = 1024 * 1024 * 1024;

/** Value representations whose length takes four bytes (PS3.5, table 7.1-1). */
const LONG = new Set("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" "));
/** Bytes of one number, for those that big-endian files turn around. */
const WORD_BYTES: Readonly<Record<string, number>> = {
  AT: 2,
  FD: 8,
  FL: 4,
  OD: 8,
  OF: 4,
  OL: 4,
  OV: 8,
  OW: 2,
  SL: 4,
  SS: 2,
  SV: 8,
  UL: 4,
  US: 2,
  UV: 8,
};

/**
 * `vrOf` tells the representation of an element that an implicit file leaves open; "UN" for one that it doesn't know.
 */
export function readDicom(file: Uint8Array, vrOf: (tag: number) => string): DicomObject {
  if (file.length < PREAMBLE_BYTES + 4 || latin1(file, PREAMBLE_BYTES, 4) !== "DICM")
    throw unreadableData(
      "not-dicom",
      "A file has no DICOM header (128 bytes, then DICM).",
      "Keep other files out of the folder, or have the archive export whole DICOM files.",
    );
  try {
    const meta = new Reader(file, PREAMBLE_BYTES + 4, metaSyntax, vrOf).elements((tag) => tag >>> 16 !== 2);
    const uid = meta.dataset.get(0x00020010)?.value;
    const transferSyntax = uid?.kind === "bytes" ? latin1(uid.bytes, 0, uid.bytes.length).replace(/[\0 ]+$/, "") : "";
    const syntax = transferSyntaxOf(transferSyntax);
    const body = syntax.isDeflated ? inflate(file.subarray(meta.end)) : file.subarray(meta.end);
    return { transferSyntax, dataset: new Reader(body, 0, syntax, vrOf).elements(() => false).dataset };
  } catch (error) {
    if (error instanceof RangeError) throw truncated();
    throw error;
  }
}

const metaSyntax = { isImplicit: false, isBigEndian: false };

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: OBJECT_BYTES_MAX });
  } catch {
    throw unreadableData(
      "dicom-deflate",
      "A DICOM file's deflated part is damaged or far too big.",
      "Export it again.",
    );
  }
}

class Reader {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private position: number,
    private readonly syntax: Pick<TransferSyntax, "isImplicit" | "isBigEndian">,
    private readonly vrOf: (tag: number) => string,
    private readonly depth = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (depth > DEPTH_MAX)
      throw unreadableData(
        "dicom-depth",
        "A DICOM file's sequences are nested deeper than any real one's.",
        "Leave it out.",
      );
  }

  /** Elements up to the end, to an item's end, or to the first of which `isBeyond` says so. */
  elements(isBeyond: (tag: number) => boolean): { dataset: DicomDataset; end: number } {
    const dataset = new Map<number, DicomElement>();
    while (this.position < this.bytes.length) {
      const start = this.position;
      const tag = this.tag();
      if (isBeyond(tag)) return { dataset, end: start };
      if (tag === ITEM_END) {
        this.position += 4;
        break;
      }
      if (tag === SEQUENCE_END || tag === ITEM) throw truncated();
      const element = this.element(tag);
      if (dataset.has(tag)) throw damaged();
      dataset.set(tag, element);
    }
    return { dataset, end: this.position };
  }

  private element(tag: number): DicomElement {
    if (this.syntax.isImplicit) {
      const length = this.uint32();
      const vr = this.vrOf(tag);
      return { tag, vr, value: this.value(tag, vr, length, this.syntax) };
    }
    const vr = latin1(this.bytes, this.position, 2);
    if (!/^[A-Z]{2}$/.test(vr)) throw damaged();
    this.position += 2;
    let length: number;
    if (LONG.has(vr)) {
      this.position += 2;
      length = this.uint32();
    } else {
      length = this.view.getUint16(this.position, !this.syntax.isBigEndian);
      this.position += 2;
    }
    // What some system didn't know is written as an implicit little-endian file would have it (PS3.5, 6.2.2).
    const known = vr === "UN" ? this.vrOf(tag) : vr;
    const syntax = vr === "UN" ? { isImplicit: true, isBigEndian: false } : this.syntax;
    return { tag, vr: known, value: this.value(tag, known, length, syntax) };
  }

  private value(
    tag: number,
    vr: string,
    length: number,
    syntax: Pick<TransferSyntax, "isImplicit" | "isBigEndian">,
  ): DicomValue {
    if (length === UNDEFINED_LENGTH && tag === PIXEL_DATA) return this.fragments();
    if (vr === "SQ" || length === UNDEFINED_LENGTH) return this.items(length, syntax);
    const bytes = this.take(length);
    return {
      kind: "bytes",
      bytes: this.syntax.isBigEndian && syntax.isBigEndian ? swapped(bytes, WORD_BYTES[vr] ?? 1) : bytes,
    };
  }

  private items(length: number, syntax: Pick<TransferSyntax, "isImplicit" | "isBigEndian">): DicomValue {
    const end = length === UNDEFINED_LENGTH ? this.bytes.length : this.position + length;
    if (end > this.bytes.length) throw truncated();
    const items: DicomDataset[] = [];
    while (this.position < end) {
      const tag = this.tag();
      const itemLength = this.uint32();
      if (tag === SEQUENCE_END) return { kind: "items", items };
      if (tag !== ITEM) throw damaged();
      const isOpen = itemLength === UNDEFINED_LENGTH;
      const within = isOpen ? this.bytes.subarray(0, end) : this.bytes.subarray(0, this.position + itemLength);
      if (!isOpen && this.position + itemLength > end) throw truncated();
      const item = new Reader(within, this.position, syntax, this.vrOf, this.depth + 1).elements(() => false);
      items.push(item.dataset);
      this.position = item.end;
    }
    if (length === UNDEFINED_LENGTH) throw truncated();
    return { kind: "items", items };
  }

  private fragments(): DicomValue {
    const fragments: Uint8Array[] = [];
    for (;;) {
      const tag = this.tag();
      const length = this.uint32();
      if (tag === SEQUENCE_END) break;
      if (tag !== ITEM || length === UNDEFINED_LENGTH) throw damaged();
      fragments.push(this.take(length));
    }
    return { kind: "fragments", fragments: fragments.slice(1) };
  }

  private tag(): number {
    const group = this.view.getUint16(this.position, !this.syntax.isBigEndian);
    const element = this.view.getUint16(this.position + 2, !this.syntax.isBigEndian);
    this.position += 4;
    return group * 0x10000 + element;
  }

  private uint32(): number {
    const value = this.view.getUint32(this.position, !this.syntax.isBigEndian);
    this.position += 4;
    return value;
  }

  private take(length: number): Uint8Array {
    if (this.position + length > this.bytes.length) throw truncated();
    const taken = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return taken;
  }
}

function swapped(bytes: Uint8Array, word: number): Uint8Array {
  if (word === 1) return bytes;
  const turned = new Uint8Array(bytes.length);
  for (let i = 0; i + word <= bytes.length; i += word)
    for (let j = 0; j < word; j++) turned[i + j] = bytes[i + word - 1 - j] ?? 0;
  return turned;
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(length, bytes.length - start)).toString("latin1");
}

function truncated(): Failure {
  return unreadableData("dicom-truncated", "A DICOM file ends before its elements do.", "Export it again, whole.");
}

function damaged(): Failure {
  return unreadableData("dicom-damaged", "A DICOM file's elements are damaged.", "Export it again.");
}
