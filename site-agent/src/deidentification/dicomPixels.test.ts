import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { framesOf, withoutTexts } from "../dicom/codestream.ts";
import { bytesOf, type DicomElement, type DicomObject, TAG } from "../dicom/dataset.ts";
import { greyImage, shortElement } from "../dicom/dicomFiles.test-support.ts";
import { pictureOf } from "../dicom/frame.ts";
import { readDicom } from "../dicom/read.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { deidentifyDicom } from "./dicomDeidentify.ts";
import { safeObject } from "./dicomFile.ts";
import { knownRepresentation } from "./dicomKept.ts";
import { DicomRules } from "./dicomRules.ts";

const secret = new Uint8Array(32).fill(5);
const rules = DicomRules.parse({ burnedIn: "none", secondaryCapture: true });
const at = (name: string) => fileURLToPath(new URL(`../../../test/vectors/dicom/${name}`, import.meta.url));
const read = (name: string) => readDicom(readFileSync(at(name)), knownRepresentation);
const text = [...Buffer.from("Doe^John", "latin1")];
const jpegText = (marker: number) => [0xff, marker, 0, 10, ...text];
const jpeg2000Text = [0xff, 0x64, 0, 12, 0, 1, ...text];
const broken = expect.objectContaining({ code: "data/dicom-pixels-damaged" });

function fragmentsOf({ dataset }: DicomObject): readonly Uint8Array[] {
  const value = dataset.get(TAG.pixelData)?.value;
  return value?.kind === "fragments" ? value.fragments : [];
}

function withFragments(object: DicomObject, fragments: readonly Uint8Array[]): DicomObject {
  const element: DicomElement = { tag: TAG.pixelData, vr: "OB", value: { kind: "fragments", fragments } };
  return { ...object, dataset: new Map(object.dataset).set(TAG.pixelData, element) };
}

/** Bytes put in before the first marker of a kind. */
function before(stream: Uint8Array, marker: readonly number[], inserted: readonly number[]): Uint8Array {
  const place = Buffer.from(stream).indexOf(Buffer.from(marker));
  expect(place).toBeGreaterThan(0);
  return Uint8Array.from([...stream.subarray(0, place), ...inserted, ...stream.subarray(place)]);
}

/** The same in the first tile's own header, whose length says so. */
function inTile(stream: Uint8Array): Uint8Array {
  const longer = Buffer.from(before(stream, [0xff, 0x93], jpeg2000Text));
  const tile = longer.indexOf(Buffer.from([0xff, 0x90]));
  longer.writeUInt32BE(longer.readUInt32BE(tile + 6) + jpeg2000Text.length, tile + 6);
  return longer;
}

async function expectClean(name: string, fragments: readonly Uint8Array[]): Promise<void> {
  const original = read(name);
  const { object } = deidentifyDicom(withFragments(original, fragments), rules, secret, "p");
  expect(Buffer.from(writeDicom(object)).includes("Doe^John")).toBe(false);
  expect(await pictureOf(object, 0, null)).toEqual(await pictureOf(original, 0, null));
}

describe("[DEI2] compressed pixels hold nothing but what they show", () => {
  const header = [0xff, 0xdb, 0, 3, 9];
  const scan = [0xff, 0xda, 0, 3, 1, 7, 0xff, 0, 8, 0xff, 0xd0, 9];
  const end = [0xff, 0xd9];
  const whole = [0xff, 0xd8, ...header, ...scan, ...scan, ...end];

  test("texts go before, between and after JPEG's scans; its other segments stay", () => {
    const texts = [...jpegText(0xe1), ...jpegText(0xfe), ...jpegText(0xf0)];
    const stream = [0xff, 0xd8, ...texts, ...header, ...scan, ...texts, ...scan, ...texts, ...end, ...texts];
    expect([...withoutTexts(Uint8Array.from(stream))]).toEqual(whole);
    const adobe = [0xff, 0xee, 0, 14, ...Buffer.from("Adobe"), 0, 100, 0, 0, 0, 0, 1];
    expect([...withoutTexts(Uint8Array.from([0xff, 0xd8, ...adobe, ...whole.slice(2)]))]).toEqual([
      ...[0xff, 0xd8, ...adobe],
      ...whole.slice(2),
    ]);
  });

  test("what has no end, or is no stream at all, is refused", () => {
    for (const stream of [whole.slice(0, -2), text, [...text, ...whole], [0xff, 0xd8, 0xff, 0xfe, 1, 0, ...text]])
      expect(() => withoutTexts(Uint8Array.from(stream))).toThrow(broken);
  });

  test.each([1, 7, 9, 14, 20])("a JPEG's comment that is cut after %s bytes of the stream goes too", async (place) => {
    const [stream = new Uint8Array()] = fragmentsOf(read("SC_rgb_jpeg_dcmtk.dcm"));
    const longer = Uint8Array.from([0xff, 0xd8, ...jpegText(0xfe), ...stream.subarray(2)]);
    await expectClean("SC_rgb_jpeg_dcmtk.dcm", [longer.subarray(0, place), longer.subarray(place), stream]);
    await expectClean("SC_rgb_jpeg_dcmtk.dcm", [before(longer, [0xff, 0xda], jpegText(0xfe))]);
  });

  test("JPEG 2000: in the main header, in a tile's, behind the end", async () => {
    const [stream = new Uint8Array()] = fragmentsOf(read("MR_small_jp2klossless.dcm"));
    const main = before(stream, [0xff, 0x90], jpeg2000Text);
    for (const more of [main, inTile(stream), inTile(main), Uint8Array.from([...main, ...text])])
      await expectClean("MR_small_jp2klossless.dcm", [more]);
  });

  test("frames of several fragments are told apart by their beginnings, or refused", () => {
    const [head, tail] = [Uint8Array.from(whole.slice(0, 9)), Uint8Array.from(whole.slice(9))];
    expect(framesOf([head, tail, head, tail], 2).map((frame) => [...frame])).toEqual([whole, whole]);
    const refused = expect.objectContaining({ code: "data/dicom-fragments" });
    for (const [fragments, frames] of [[[head, tail], 2] as const, [[head, head, head], 2] as const, [[], 1] as const])
      expect(() => framesOf(fragments, frames)).toThrow(refused);
  });

  test("bits above the pixels' own are cleared in lossless streams", async () => {
    const words = [0xf123, 0x8fff, 0x0456];
    const segment = (bytes: readonly number[]) => [bytes.length - 1, ...bytes];
    const start = Buffer.alloc(64);
    for (const [i, number] of [2, 64, 68].entries()) start.writeUInt32LE(number, 4 * i);
    const packed = [...segment(words.map((word) => word >> 8)), ...segment(words.map((word) => word & 0xff))];
    const grey = { dataset: greyImage(1, 3), transferSyntax: "1.2.840.10008.1.2.5" };
    const rle = withFragments(grey, [Uint8Array.from([...start, ...packed])]);
    const safe = await safeObject(writeDicom(rle), rules, secret);
    const shown = safe.kind === "safe" ? bytesOf(safe.object.dataset, TAG.pixelData) : null;
    expect([...(shown ?? [])]).toEqual([0x23, 0x01, 0xff, 0x0f, 0x56, 0x04]);
    expect(safe).toMatchObject({ object: { transferSyntax: EXPLICIT_LITTLE_ENDIAN } });
  });

  test.each(["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"])(
    "%s with more bits than it uses",
    async (name) => {
      const given = read(name);
      const narrow = [TAG.bitsStored, TAG.highBit].map((tag, i) => [tag, shortElement(tag, 8 - i)] as const);
      const dataset = new Map([
        ...given.dataset,
        ...narrow,
        [TAG.pixelRepresentation, shortElement(TAG.pixelRepresentation, 0)],
      ]);
      const safe = await safeObject(writeDicom({ ...given, dataset }), rules, secret);
      const pixels = (safe.kind === "safe" && bytesOf(safe.object.dataset, TAG.pixelData)) || new Uint8Array();
      expect(pixels.length).toBeGreaterThan(0);
      expect(pixels.filter((_, i) => i % 2 === 1).every((high) => high === 0)).toBe(true);
    },
  );
});
