/** RLE Lossless (PS3.5, Annex G): each byte of each sample is a segment of its own, packed as TIFF's PackBits. */
import { unreadableData } from "../connector/connector.ts";

const HEADER_BYTES = 64;
const SEGMENTS_MAX = 15;

/** Samples as they would be without compression, colours pixel by pixel, little-endian. */
export function decodeRle(frame: Uint8Array, pixels: number, samples: number, bytesPerSample: number): Uint8Array {
  const segments = samples * bytesPerSample;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < HEADER_BYTES || view.getUint32(0, true) !== segments || segments > SEGMENTS_MAX) throw damaged();
  const out = new Uint8Array(pixels * segments);
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + 4 * segment, true);
    const next = segment + 1 < segments ? view.getUint32(8 + 4 * segment, true) : frame.length;
    if (start < HEADER_BYTES || start > next || next > frame.length) throw damaged();
    const sample = Math.floor(segment / bytesPerSample);
    // Segments of a sample begin with its most significant byte.
    const place = sample * bytesPerSample + (bytesPerSample - 1 - (segment % bytesPerSample));
    unpack(frame.subarray(start, next), pixels, out, place, segments);
  }
  return out;
}

function unpack(packed: Uint8Array, count: number, out: Uint8Array, place: number, stride: number): void {
  let at = 0;
  let done = 0;
  while (done < count) {
    const head = packed[at];
    if (head === undefined) throw damaged();
    at += 1;
    if (head === 128) continue;
    const isRun = head > 128;
    const length = Math.min(isRun ? 257 - head : head + 1, count - done);
    if (at + (isRun ? 1 : length) > packed.length) throw damaged();
    for (let i = 0; i < length; i++) out[(done + i) * stride + place] = packed[isRun ? at : at + i] ?? 0;
    at += isRun ? 1 : head + 1;
    done += length;
  }
}

function damaged(): Error {
  return unreadableData("dicom-pixels-damaged", "A DICOM file's compressed pixels are damaged.", "Export it again.");
}
