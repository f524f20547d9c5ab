/**
 * Compressed pixels carry texts of their own (EXIF, comments, a scanner's name): here they are cut out, pixels
 * untouched.
 */

/** A fragment that begins a JPEG, JPEG-LS or JPEG 2000 stream, without its texts; any other as it is. */
export function withoutTexts(fragment: Uint8Array): Uint8Array {
  if (fragment[0] === 0xff && fragment[1] === 0xd8) return strip(fragment, JPEG);
  if (fragment[0] === 0xff && fragment[1] === 0x4f) return strip(fragment, JPEG_2000);
  return fragment;
}

interface Markers {
  /** The header ends here: start of scan, start of tile. */
  readonly last: number;
  isText(marker: number, body: Uint8Array): boolean;
}

/** Comments, and application segments but Adobe's (the colour transform) and the one of JPEG-LS (its own). */
const JPEG: Markers = {
  last: 0xda,
  isText: (marker, body) =>
    marker === 0xfe || (marker >= 0xe0 && marker <= 0xef && !isAdobe(marker, body) && !isColourTransform(marker, body)),
};
/** Comments (ISO 15444-1, A.9.2). */
const JPEG_2000: Markers = { last: 0x90, isText: (marker) => marker === 0x64 };

function strip(stream: Uint8Array, { last, isText }: Markers): Uint8Array {
  const kept: Uint8Array[] = [stream.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= stream.length && stream[at] === 0xff && stream[at + 1] !== last) {
    const marker = stream[at + 1] ?? 0;
    const end = at + 2 + (stream[at + 2] ?? 0) * 256 + (stream[at + 3] ?? 0);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (end > stream.length) break;
    const segment = stream.subarray(at, end);
    if (!isText(marker, segment.subarray(4))) kept.push(segment);
    at = end;
  }
  kept.push(stream.subarray(at));
  return Buffer.concat(kept);
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
