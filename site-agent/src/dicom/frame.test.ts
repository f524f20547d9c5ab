import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { knownRepresentation } from "../deidentification/dicomKept.ts";
import { resample } from "../image/resample.ts";
import { type DicomElement, TAG, textElement } from "./dataset.ts";
import { datasetOf, greyImage, shortElement } from "./dicomFiles.test-support.ts";
import { pictureOf } from "./frame.ts";
import { pixelFormatOf } from "./pixelFormat.ts";
import { readDicom } from "./read.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "./transferSyntax.ts";
import { windowed } from "./window.ts";
import { writeDicom } from "./write.ts";

const at = (name: string) => fileURLToPath(new URL(`../../../test/vectors/${name}`, import.meta.url));
const Vectors = z.object({
  source: z.string(),
  pictures: z.array(
    z.object({
      file: z.string(),
      shape: z.array(z.number()),
      tolerance: z.number(),
      mean: z.number(),
      samples: z.array(z.tuple([z.number(), z.number()])),
    }),
  ),
  resized: z.array(
    z.object({
      filter: z.enum(["area", "lanczos"]),
      height: z.number(),
      width: z.number(),
      values: z.array(z.number()),
    }),
  ),
  modalityTables: z.array(
    z.object({
      first: z.number(),
      bits: z.number(),
      isSigned: z.boolean(),
      data: z.array(z.number()),
      stored: z.array(z.number()),
      values: z.array(z.number()),
    }),
  ),
});
const vectors = Vectors.parse(JSON.parse(readFileSync(at("dicom.json"), "utf8")));
const read = (name: string) => readDicom(readFileSync(at(`dicom/${name}`)), knownRepresentation);
const object = (more: readonly DicomElement[] = []) => {
  return { dataset: greyImage(2, 2, more), transferSyntax: EXPLICIT_LITTLE_ENDIAN };
};

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return "none";
}

describe(`[DAT31] pictures of DICOM files are those of ${vectors.source}`, () => {
  test.each(vectors.pictures)("$file", async ({ file, shape, tolerance, mean, samples }) => {
    const whole = read(file);
    const { frames } = pixelFormatOf(whole.dataset, whole.transferSyntax);
    const { height, width, channels, values } = await pictureOf(whole, frames - 1, null);
    expect([height, width, channels]).toEqual(shape);
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(average - mean)).toBeLessThan(Math.max(0.01, tolerance / 3));
    const off = samples.map(([i, value]) => Math.abs((values[i] ?? Number.NaN) - value));
    expect(Math.max(...off)).toBeLessThanOrEqual(tolerance);
  });

  test.each(vectors.pictures)("$file reads back as it was written", async ({ file }) => {
    const whole = read(file);
    const again = readDicom(writeDicom(whole), knownRepresentation);
    const [before, after] = [await pictureOf(whole, 0, null), await pictureOf(again, 0, null)];
    expect(Buffer.from(after.values.buffer).equals(Buffer.from(before.values.buffer))).toBe(true);
  });
});

describe("[DAT31] grey values follow the standard's formulas", () => {
  const values = Float32Array.from([-200, -150, 50, 250, 300]);

  test.each([
    ["linear", [0, 0, 255 * (0.5 / 399 + 0.5), 255, 255]],
    ["linear-exact", [0, 0, 127.5, 255, 255]],
    ["sigmoid", values.map((x) => 255 / (1 + Math.exp((-4 * (x - 50)) / 400)))],
  ] as const)("window %s", (shape, wanted) => {
    const shown = windowed(values, { center: 50, width: 400, function: shape }, false);
    shown.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 3);
    });
    const turned = windowed(values, { center: 50, width: 400, function: shape }, true);
    shown.forEach((value, i) => {
      expect(value + (turned[i] ?? 0)).toBeCloseTo(255, 3);
    });
  });

  test("slope, intercept and sign; white is low in MONOCHROME1", async () => {
    const scale = [textElement(TAG.rescaleSlope, "DS", "2"), textElement(TAG.rescaleIntercept, "DS", "-1000")];
    expect([...(await pictureOf(object(scale), 0, null)).values]).toEqual([-1000, -998, -996, -994]);
    const low = textElement(TAG.photometric, "CS", "MONOCHROME1");
    expect([...(await pictureOf(object([low]), 0, null)).values]).toEqual([4095, 4094, 4093, 4092]);
    const signed = shortElement(TAG.pixelRepresentation, 1);
    const pixels = {
      tag: TAG.pixelData,
      vr: "OW",
      value: { kind: "bytes", bytes: Buffer.from("ff0fff070008ff0f", "hex") },
    } as const;
    expect([...(await pictureOf(object([signed, pixels]), 0, null)).values]).toEqual([-1, 2047, -2048, -1]);
  });

  describe.each(vectors.modalityTables)("a modality's table from $first on", (table) => {
    const { first, bits, isSigned, data, stored, values: wanted } = table;
    const words = (numbers: readonly number[]) => Buffer.from(Int16Array.from(numbers).buffer);
    const pixels = { tag: TAG.pixelData, vr: "OW", value: { kind: "bytes", bytes: words(stored) } } as const;
    /** With entries in words, or two to a word. */
    const tabled = (bytes: Buffer, more: readonly DicomElement[] = []) => {
      const item = datasetOf([
        { tag: 0x00283002, vr: "US", value: { kind: "bytes", bytes: words([data.length, first, bits]) } },
        { tag: 0x00283006, vr: "OW", value: { kind: "bytes", bytes } },
      ]);
      const sequence = { tag: TAG.modalityLut, vr: "SQ", value: { kind: "items", items: [item] } } as const;
      const of = [shortElement(TAG.columns, stored.length), shortElement(TAG.rows, 1), pixels, sequence];
      const sign = [shortElement(TAG.bitsStored, 16), shortElement(TAG.highBit, 15)];
      return object([...of, ...sign, shortElement(TAG.pixelRepresentation, isSigned ? 1 : 0), ...more]);
    };

    test("gives pydicom's values, in place of slope and intercept, and turned where white is low", async () => {
      const scale = textElement(TAG.rescaleSlope, "DS", "2");
      expect([...(await pictureOf(tabled(words(data), [scale]), 0, null)).values]).toEqual(wanted);
      const low = textElement(TAG.photometric, "CS", "MONOCHROME1");
      const turned = [...(await pictureOf(tabled(words(data), [low]), 0, null)).values];
      expect(turned).toEqual(wanted.map((value) => 2 ** bits - 1 - value));
      const file = writeDicom(tabled(words(data)));
      expect([...(await pictureOf(readDicom(file, knownRepresentation), 0, null)).values]).toEqual(wanted);
    });

    test("of 8 bits may lie in bytes; cut short it is refused", async () => {
      if (bits === 8) expect([...(await pictureOf(tabled(Buffer.from(data)), 0, null)).values]).toEqual(wanted);
      const short = words(data.slice(0, data.length / 2 - 1));
      expect(await codeOf(() => pictureOf(tabled(short), 0, null))).toBe("data/dicom-pixels");
    });
  });

  test("each frame has its own slope and intercept", async () => {
    const items = ["2", "3"].map((slope) => {
      const scale = [textElement(TAG.rescaleSlope, "DS", slope), textElement(TAG.rescaleIntercept, "DS", "-1")];
      return datasetOf([{ tag: 0x00289145, vr: "SQ", value: { kind: "items", items: [datasetOf(scale)] } }]);
    });
    const two = greyImage(4, 2).get(TAG.pixelData);
    const groups = { tag: TAG.perFrameFunctionalGroups, vr: "SQ", value: { kind: "items", items } } as const;
    const frames = object([textElement(TAG.frames, "IS", "2"), groups, ...(two === undefined ? [] : [two])]);
    expect([...(await pictureOf(frames, 0, null)).values]).toEqual([-1, 1, 3, 5]);
    expect([...(await pictureOf(frames, 1, null)).values]).toEqual([11, 14, 17, 20]);
  });

  test("an object's own window only where it has one", async () => {
    expect(await codeOf(() => pictureOf(object(), 0, "file"))).toBe("data/dicom-window");
    const own = [textElement(TAG.windowCenter, "DS", "2\\9"), textElement(TAG.windowWidth, "DS", "4\\9")];
    const given = { center: 2, width: 4, function: "linear" } as const;
    expect(await pictureOf(object(own), 0, "file")).toEqual(await pictureOf(object(), 0, given));
  });
});

describe("[DAT31] resizing counts every pixel, as Pillow does", () => {
  const source = Float32Array.from({ length: 37 * 53 }, (_, i) => (i * 7919) % 251);
  const picture = { height: 37, width: 53, channels: 1, values: source } as const;
  test.each(vectors.resized)("$filter to $height × $width", ({ filter, height, width, values }) => {
    const resized = resample(picture, height, width, filter).values;
    const off = values.map((value, i) => Math.abs(value - (resized[i] ?? Number.NaN)));
    expect(Math.max(...off)).toBeLessThan(0.01);
  });
});

describe("[DAT32] files that can't be read are refused by name, without a crash", () => {
  test.each([
    ["JPGExtended.dcm", "data/dicom-transfer-syntax"],
    ["reportsi.dcm", "data/dicom-no-pixels"],
    ["MR_truncated.dcm", "data/dicom-truncated"],
    ["ExplVR_LitEndNoMeta.dcm", "data/not-dicom"],
  ])("%s: %s", async (file, code) => {
    expect(await codeOf(() => pictureOf(read(file), 0, null))).toBe(code);
  });

  test("another transfer syntax is named", () => {
    const video = { ...object(), transferSyntax: "1.2.840.10008.1.2.4.102" };
    expect(() => pixelFormatOf(video.dataset, video.transferSyntax)).toThrow("H.264");
  });

  test.each([
    ["a huge picture", [shortElement(TAG.rows, 65535), shortElement(TAG.columns, 65535)], "data/image-too-large"],
    ["more pixels than there are", [shortElement(TAG.rows, 3)], "data/dicom-truncated"],
    ["bits that don't fit", [shortElement(TAG.bitsStored, 17)], "data/dicom-pixels"],
    ["32 bits", [shortElement(TAG.bitsAllocated, 32)], "data/dicom-pixels"],
    ["an unknown colour space", [textElement(TAG.photometric, "CS", "HSV")], "data/dicom-pixels"],
    ["no rows", [shortElement(TAG.rows, 0)], "data/dicom-pixels"],
  ])("%s", async (_, more, code) => {
    expect(await codeOf(() => pictureOf(object(more), 0, null))).toBe(code);
  });

  test.each(["MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "image_dfl.dcm"])(
    "%s cut anywhere is a failure with a code, or a picture",
    async (file) => {
      const bytes = readFileSync(at(`dicom/${file}`));
      for (let i = 1; i <= 12; i++) {
        const part = bytes.subarray(0, Math.floor((bytes.length * i) / 13));
        expect(await codeOf(() => pictureOf(readDicom(part, knownRepresentation), 0, null))).toMatch(/^data\//);
      }
    },
  );
});
