import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { isArrayValue, type RawValue } from "@consilium/shared/study/features";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { contentOf } from "../contract/content.ts";
import { TAG, textElement } from "../dicom/dataset.ts";
import { greyImage } from "../dicom/dicomFiles.test-support.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { BrokenFiles } from "./folder.ts";
import { openData } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-pictures-"));
afterAll(() => rmSync(folder, { recursive: true }));
const vector = (name: string) => fileURLToPath(new URL(`../../../test/vectors/dicom/${name}`, import.meta.url));

let made = 0;
/** A folder with these files, and a data set's file beside it. */
function dataset(source: object, files: Readonly<Record<string, string | Uint8Array>>): string {
  made += 1;
  const root = join(folder, `d${made}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  mkdirSync(root, { recursive: true });
  const path = join(root, "set.yaml");
  writeFileSync(path, JSON.stringify({ apiVersion: "consilium/v1", kind: "Dataset", source }));
  return path;
}

async function read(path: string, columns?: readonly string[]) {
  const connector = await openData(path);
  try {
    const names = columns ?? (await connector.columns());
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(names)) rows.push(...chunk);
    return { names, rows, findings: connector.findings() };
  } finally {
    await connector.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw new Error(`expected a Failure, got ${String(error)}`);
  return error;
}

const grey = (value: number, format: "png" | "tiff" = "png", size = 8) =>
  sharp(Buffer.alloc(size * size, value), { raw: { width: size, height: size, channels: 1 } })
    .toColourspace("b-w")
    .toFormat(format)
    .toBuffer();
const cellsOf = (rows: readonly (readonly RawValue[])[], place = 0) =>
  rows.map((row) => {
    const cell = row[place];
    if (!isArrayValue(cell)) throw new Error("no picture");
    return { shape: cell.shape, values: [...cell.values] };
  });

describe("[DAT33] a folder of pictures is read one by one, as the data set's file says", () => {
  const images = { folder: "films", size: [2, 2], column: "film" };

  test("label from the folder's name, patient from the file's", async () => {
    const path = dataset(
      { images: { ...images, label: "ill", patient: { column: "pid", pattern: "^p(\\d+)_" } } },
      {
        "films/yes/p7_1.png": await grey(100),
        "films/no/p8_1.tiff": await grey(50, "tiff"),
        "films/no/x.png": await grey(3),
        "films/a.txt": "x",
      },
    );
    const { names, rows } = await read(path);
    expect(names).toEqual(["film", "ill", "pid"]);
    expect(rows.map((row) => row.slice(1))).toEqual([
      ["no", "8"],
      ["no", null],
      ["yes", "7"],
    ]);
    expect(cellsOf(rows).map(({ shape, values }) => [shape, values])).toEqual([
      [
        [2, 2, 1],
        [50, 50, 50, 50],
      ],
      [
        [2, 2, 1],
        [3, 3, 3, 3],
      ],
      [
        [2, 2, 1],
        [100, 100, 100, 100],
      ],
    ]);
    expect((await read(path, ["ill"])).rows).toEqual([["no"], ["no"], ["yes"]]);
  });

  test("a table names each picture and what belongs to it", async () => {
    const path = dataset(
      { images: { ...images, channels: 3, table: { file: "t.csv", path: "file" } } },
      { "films/b.png": await grey(9), "films/a.png": await grey(8), "t.csv": "file,ill,pid\nb.png,1,x\na.png,0,y\n" },
    );
    const { names, rows } = await read(path);
    expect(names).toEqual(["film", "ill", "pid"]);
    expect(cellsOf(rows).map(({ shape, values }) => [shape, values[0], values.length])).toEqual([
      [[2, 2, 3], 9, 12],
      [[2, 2, 3], 8, 12],
    ]);
    expect(rows.map((row) => row[2])).toEqual(["x", "y"]);
    const before = await contentOf(path);
    writeFileSync(join(dirname(path), "films/a.png"), await grey(7));
    expect((await contentOf(path)).digest).not.toBe(before.digest);
  });

  test("sixteen bits stay, colours become grey by public weights, orientation is applied", async () => {
    const wide = Uint16Array.from({ length: 4 }, (_, i) => 1000 * i + 40_000);
    const deep = await sharp(wide, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    const colour = await sharp(Buffer.from([200, 100, 50]), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    const turned = await sharp(Buffer.from([0, 0, 0, 255, 255, 255]), { raw: { width: 2, height: 1, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .tiff()
      .toBuffer();
    const path = dataset({ images }, { "films/1.png": deep, "films/2.png": colour, "films/3.tiff": turned });
    const cells = cellsOf((await read(path)).rows).map(({ values }) => values);
    expect(cells[0]).toEqual([40_000, 41_000, 42_000, 43_000]);
    expect(cells[1]?.[0]).toBeCloseTo(0.299 * 200 + 0.587 * 100 + 0.114 * 50, 3);
    expect(cells[2]).toEqual([0, 0, 255, 255]);
  });
});

describe("[DAT32] a broken picture stops the reading, and is named to local eyes alone", () => {
  const images = { folder: "f", size: [2, 2] };

  test("each kind by its code, good ones read on", async () => {
    const png = await sharp(Buffer.alloc(64 * 64 * 3, 7), { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    const noise = Buffer.from(Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 256));
    const long = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    const bomb = Buffer.from(png);
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    const path = dataset(
      { images },
      {
        "f/bomb.png": bomb,
        "f/half.png": long.subarray(0, long.length / 2),
        "f/cmyk.jpg": await sharp(png).toColourspace("cmyk").jpeg().toBuffer(),
        "f/clear.png": await sharp(png).ensureAlpha(0.5).png().toBuffer(),
        "f/text.png": "Secret-Name",
        "f/gif.png": await sharp(png).gif().toBuffer(),
        "f/good.png": await grey(1),
      },
    );
    const failure = await failureOf(read(path));
    expect(failure.code).toBe("data/files-broken");
    if (!(failure instanceof BrokenFiles)) throw failure;
    expect(Object.fromEntries(failure.files.map(({ name, code }) => [name, code]))).toEqual({
      "bomb.png": "image-too-large",
      "half.png": "image-damaged",
      "cmyk.jpg": "image-colours",
      "clear.png": "image-colours",
      "text.png": "image-unreadable",
      "gif.png": "image-kind",
    });
    expect(`${failure.message} ${failure.remedy} ${JSON.stringify(failure.fields)}`).not.toMatch(
      /\.png|Secret|consilium-pictures/,
    );
  });

  test("no path leads out of the folder", async () => {
    const path = dataset(
      { images: { ...images, table: { file: "t.csv", path: "p" } } },
      {
        "f/a.png": await grey(1),
        "out.png": await grey(2),
        "t.csv": "p,y\na.png,1\n../out.png,1\nlink.png,0\nnone.png,0\n",
      },
    );
    symlinkSync(join(dirname(path), "out.png"), join(dirname(path), "f/link.png"));
    const failure = await failureOf(read(path));
    if (!(failure instanceof BrokenFiles)) throw failure;
    expect(failure.files.map(({ code }) => code)).toEqual(["file-outside", "file-outside", "file-missing"]);
  });

  test.each([
    ["no folder", { images }, {}, "data/folder-missing"],
    ["no pictures", { images }, { "f/a.txt": "x" }, "data/no-pictures"],
    [
      "a pattern without a group",
      { images: { ...images, patient: { pattern: "x" } } },
      {},
      "data/dataset-file-invalid",
    ],
    [
      "label twice told",
      { images: { ...images, label: "y", table: { file: "t", path: "p" } } },
      {},
      "data/dataset-file-invalid",
    ],
  ])("%s", async (_, source, files, code) => {
    expect((await failureOf(read(dataset(source, files)))).code).toBe(code);
  });
});

describe("[DAT34] DICOM objects are records only after de-identification", () => {
  const dicom = { folder: "d", size: [2, 2], column: "ct", window: { center: 0, width: 2 } };
  const file = (more: Parameters<typeof greyImage>[2]) =>
    writeDicom({ dataset: greyImage(2, 2, more), transferSyntax: EXPLICIT_LITTLE_ENDIAN });
  const patient = (id: string) => textElement(TAG.patientId, "LO", id);

  test("a patient with two labels is refused", async () => {
    const path = dataset(
      { dicom: { ...dicom, labels: { file: "l.csv", patient: "id" } } },
      { "d/1.dcm": file([patient("A")]), "l.csv": "id,ill\nA,1\nA,0\n" },
    );
    expect((await failureOf(read(path))).code).toBe("data/picture-named-twice");
  });

  test("labels join by PatientID; what is no image is left out and counted", async () => {
    const path = dataset(
      { dicom: { ...dicom, deidentify: { keep: ["PatientAge"] }, labels: { file: "l.csv", patient: "id" } } },
      {
        "d/1.dcm": file([patient("A"), textElement(0x00101010, "AS", "064Y")]),
        "d/sub/2": file([patient("B")]),
        "d/sub/3": file([patient("B"), textElement(TAG.burnedIn, "CS", "YES")]),
        "d/4": file([textElement(TAG.sopClass, "UI", "1.2.840.10008.5.1.4.1.1.88.11")]),
        "l.csv": "id,ill\nA,1\nC,0\n",
      },
    );
    const { names, rows, findings } = await read(path);
    expect(names).toEqual(["ct", "patient", "PatientAge", "ill"]);
    expect(rows.map((row) => row.slice(1))).toEqual([
      ["A", "64", "1"],
      ["B", null, null],
    ]);
    expect(cellsOf(rows)[0]?.shape).toEqual([2, 2, 1]);
    expect(findings).toEqual([{ column: "ct", problem: "left-out", count: 2 }]);
  });

  test("frames by rule; rectangles are blank in the picture", async () => {
    const us = [textElement(TAG.modality, "CS", "US"), textElement(TAG.frames, "IS", "3")];
    const pixels = Buffer.from(Uint16Array.from({ length: 12 }, (_, i) => i + 1).buffer);
    const film = file([...us, { tag: TAG.pixelData, vr: "OW", value: { kind: "bytes", bytes: pixels } }]);
    const deidentify = { burnedIn: { blank: [{ x: 1, y: 0, width: 9, height: 1 }] } };
    const plain = { folder: "d", size: [2, 2], deidentify };
    const cells = async (frames: string) => {
      const path = dataset({ dicom: { ...plain, frames } }, { "d/a": film });
      return cellsOf((await read(path, ["image"])).rows).map(({ values }) => values);
    };
    expect(await cells("all")).toEqual([
      [1, 0, 3, 4],
      [5, 0, 7, 8],
      [9, 0, 11, 12],
    ]);
    expect(await cells("middle")).toEqual([[5, 0, 7, 8]]);
    expect(await cells("first")).toEqual([[1, 0, 3, 4]]);
  });

  test("a compressed image is blanked as its pixels", async () => {
    const path = dataset(
      {
        dicom: {
          folder: "d",
          size: [100, 100],
          channels: 3,
          deidentify: { secondaryCapture: true, burnedIn: { blank: [{ x: 0, y: 0, width: 100, height: 99 }] } },
        },
      },
      { "d/x": "" },
    );
    copyFileSync(vector("SC_rgb_jpeg_gdcm.dcm"), join(dirname(path), "d/x"));
    const [cell] = cellsOf((await read(path, ["image"])).rows);
    const values = cell?.values ?? [];
    expect(values).toHaveLength(30_000);
    expect(values.slice(0, 29_700).every((value) => value === 0)).toBe(true);
    expect(values.slice(29_700).some((value) => value > 0)).toBe(true);
  });

  test("a text about the archive is left out and counted, hidden files and folders are not looked at", async () => {
    const path = dataset(
      { dicom },
      { "d/README.md": "films of 2026", "d/.notes/a.dcm": "x", "d/.b.dcm": "x", "d/c": file([patient("A")]) },
    );
    const { rows, findings } = await read(path, ["patient"]);
    expect(rows).toEqual([["A"]]);
    expect(findings).toMatchObject([{ problem: "left-out", count: 1 }]);
  });

  test.each([
    ["064Y", "64"],
    ["018M", "1"],
    ["006W", "0"],
    ["400D", "1"],
    ["old", null],
  ])("a patient's age of %s is %s to a study", async (text, years) => {
    const source = { ...dicom, deidentify: { keep: ["PatientAge"] } };
    const path = dataset({ dicom: source }, { "d/c": file([patient("A"), textElement(0x00101010, "AS", text)]) });
    expect((await read(path, ["PatientAge"])).rows).toEqual([[years]]);
  });

  test("what can't be read is named by its code", async () => {
    const path = dataset(
      { dicom },
      { "d/a.dcm": "not DICOM at all", "d/b": readFileSync(vector("MR_truncated.dcm")), "d/c": file([patient("A")]) },
    );
    const failure = await failureOf(read(path));
    if (!(failure instanceof BrokenFiles)) throw failure;
    expect(failure.files).toEqual([
      { name: "a.dcm", code: "not-dicom" },
      { name: "b", code: "dicom-truncated" },
    ]);
  });
});
