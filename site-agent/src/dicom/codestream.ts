/**
 * Compressed pixels carry texts of their own (EXIF, comments, a scanner's name): here they are cut out, pixels
 * untouched.
 */
import { unreadableData } from "../connector/connector.ts";

/** One frame's JPEG, JPEG-LS or JPEG 2000 stream without its texts, and without whatever follows its end. */
export function withoutTexts(frame: Uint8Array): Uint8Array {
  const begins = (code: number): boolean => frame[0] === 0xff && frame[1] === code;
  if (begins(START_OF_IMAGE)) return Buffer.concat(jpegParts(frame));
  if (begins(START_OF_CODESTREAM)) return Buffer.concat(jpeg2000Parts(frame));
  throw damaged();
}

/** Fragments frame by frame, for a frame may be cut into several; refused where it can't be told which is whose. */
export function framesOf(fragments: readonly Uint8Array[], frames: number): readonly Uint8Array[] {
  if (frames === 1 && fragments.length > 0) return [Buffer.concat(fragments)];
  const whole: Uint8Array[][] = [];
  for (const fragment of fragments) {
    const last = whole.at(-1);
    if (last === undefined || beginsFrame(fragment)) whole.push([fragment]);
    else last.push(fragment);
  }
  if (whole.length === frames) return whole.map((parts) => Buffer.concat(parts));
  throw unreadableData(
    "dicom-fragments",
    "A DICOM file's frames are cut into pieces that can't be told apart.",
    "Have the archive export it as Explicit VR Little Endian.",
  );
}

const START_OF_IMAGE = 0xd8;
const END = 0xd9;
const START_OF_SCAN = 0xda;
const JPEG_COMMENT = 0xfe;
const START_OF_CODESTREAM = 0x4f;
const START_OF_TILE = 0x90;
const START_OF_DATA = 0x93;
const JPEG_2000_COMMENT = 0x64;

function beginsFrame(fragment: Uint8Array): boolean {
  if (fragment[0] !== 0xff) return false;
  // Compressed samples never hold the first; the second only by the rarest chance, and then the count is amiss.
  return fragment[1] === START_OF_IMAGE || (fragment[1] === START_OF_CODESTREAM && fragment[2] === 0xff);
}

function jpegParts(stream: Uint8Array): Uint8Array[] {
  const kept = [stream.subarray(0, 2)];
  for (let at = 2; ; ) {
    const marker = markerAt(stream, at);
    if (marker === END) return [...kept, stream.subarray(at, at + 2)];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const segment = segmentAt(stream, at);
    const end = marker === START_OF_SCAN ? endOfScan(stream, at + segment.length) : at + segment.length;
    if (!isJpegText(marker, segment.subarray(4))) kept.push(stream.subarray(at, end));
    at = end;
  }
}

/** Comments; segments of applications but Adobe's (the colour transform) and the one of JPEG-LS; reserved ones. */
function isJpegText(marker: number, body: Uint8Array): boolean {
  if (marker >= 0xe0 && marker <= 0xef) return !isAdobe(marker, body) && !isColourTransform(marker, body);
  // SOF55 and LSE are JPEG-LS's own.
  return marker === JPEG_COMMENT || (marker >= 0xf0 && marker <= 0xfd && marker !== 0xf7 && marker !== 0xf8);
}

/** Within a scan a marker has its highest bit set; restarts are a part of it (ISO 10918-1, B.1.1.2; ISO 14495-1, C). */
function endOfScan(stream: Uint8Array, start: number): number {
  for (let at = stream.indexOf(0xff, start); at >= 0; at = stream.indexOf(0xff, at + 1)) {
    const next = stream[at + 1] ?? 0;
    if (next >= 0x80 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw damaged();
}

/** Comments (ISO 15444-1, A.9.2): cut out of the main header, made zeros in a tile's, whose length is stated. */
function jpeg2000Parts(stream: Uint8Array): Uint8Array[] {
  const kept = [stream.subarray(0, 2)];
  let at = 2;
  // Some writers leave the end of the codestream out.
  while (at + 1 < stream.length && markerAt(stream, at) !== END) {
    const marker = markerAt(stream, at);
    const part = marker === START_OF_TILE ? tileWithoutTexts(stream, at) : segmentAt(stream, at);
    if (marker !== JPEG_2000_COMMENT) kept.push(part);
    at += part.length;
  }
  return [...kept, Uint8Array.of(0xff, END)];
}

function tileWithoutTexts(stream: Uint8Array, start: number): Uint8Array {
  const stated = Buffer.from(segmentAt(stream, start)).readUInt32BE(6);
  const tile = Uint8Array.from(stream.subarray(start, stated === 0 ? stream.length : start + stated));
  if (tile.length < stated) throw damaged();
  let at = 0;
  for (; markerAt(tile, at) !== START_OF_DATA; at += segmentAt(tile, at).length)
    if (markerAt(tile, at) === JPEG_2000_COMMENT) segmentAt(tile, at).fill(0, 6);
  return stated === 0 ? tile.subarray(0, endOfLastTile(tile, at + 2)) : tile;
}

/** Of a tile without a stated length, which is the last: its samples hold no two bytes above FF8F. */
function endOfLastTile(tile: Uint8Array, start: number): number {
  for (let at = tile.indexOf(0xff, start); at >= 0; at = tile.indexOf(0xff, at + 1))
    if (tile[at + 1] === END) return at;
  return tile.length;
}

function markerAt(stream: Uint8Array, at: number): number {
  const marker = stream[at + 1];
  if (stream[at] !== 0xff || marker === undefined) throw damaged();
  return marker;
}

/** Marker, length and body. */
function segmentAt(stream: Uint8Array, at: number): Uint8Array {
  const length = (stream[at + 2] ?? 0) * 256 + (stream[at + 3] ?? 0);
  if (length < 2 || at + 2 + length > stream.length) throw damaged();
  return stream.subarray(at, at + 2 + length);
}

function damaged(): Error {
  return unreadableData("dicom-pixels-damaged", "A DICOM file's compressed pixels are damaged.", "Export it again.");
}

/** "Adobe", version, two words of flags, the transform: 12 bytes that hold no text (Adobe technical note 5116). */
function isAdobe(marker: number, body: Uint8Array): boolean {
  return marker === 0xee && body.length === 12 && Buffer.from(body.subarray(0, 5)).toString("latin1") === "Adobe";
}

/** "mrfx" and one byte: which colour transform a JPEG-LS stream was made with. */
function isColourTransform(marker: number, body: Uint8Array): boolean {
  return marker === 0xe8 && body.length === 5 && Buffer.from(body.subarray(0, 4)).toString("latin1") === "mrfx";
}

export interface StreamSize {
  readonly height: number;
  readonly width: number;
  readonly components: number;
  /** Bits of a sample. */
  readonly precision: number;
}

/** What a JPEG, JPEG-LS or JPEG 2000 stream says of itself before anything is decoded; `null` where it says nothing. */
export function streamSize(stream: Uint8Array): StreamSize | null {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  for (let at = 2; at + 12 <= stream.length && stream[at] === 0xff; ) {
    const marker = stream[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (stream[1] === 0xd8 && isFrameHeader(marker))
      return {
        precision: stream[at + 4] ?? 0,
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: stream[at + 9] ?? 0,
      };
    if (stream[1] === 0x4f && marker === 0x51 && at + 42 <= stream.length)
      return {
        width: view.getUint32(at + 6) - view.getUint32(at + 14),
        height: view.getUint32(at + 10) - view.getUint32(at + 18),
        components: view.getUint16(at + 38),
        precision: ((stream[at + 40] ?? 0) & 0x7f) + 1,
      };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** SOF0 to SOF15 but DHT, JPG and DAC (ISO 10918-1, table B.1), and JPEG-LS's SOF55. */
function isFrameHeader(marker: number): boolean {
  if (marker === 0xf7) return true;
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
