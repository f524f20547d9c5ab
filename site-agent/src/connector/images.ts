/** A folder of pictures as records: one a file, decoded one after another, resized by the data set's own rule. */
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { assert } from "@consilium/shared/failure/failure";
import type { RawArray, RawValue } from "@consilium/shared/study/features";
import { decodePicture } from "../image/decode.ts";
import { type Picture, withChannels } from "../image/picture.ts";
import { type Filter, resample } from "../image/resample.ts";
import { inOrder } from "./ahead.ts";
import { readBesides } from "./besides.ts";
import { type Connector, placesOf, unreadableData } from "./connector.ts";
import { BrokenList, fileIn, filesBelow } from "./folder.ts";
import { type FileReading, fileReading } from "./pictureFiles.ts";
import type { ImagesSource } from "./pictureSource.ts";
import { QUIET, type Reading } from "./reading.ts";

/** Records handed on at once: colour pictures of 224 × 224 are 0.6 MB each. */
export const PICTURES_PER_CHUNK = 16;
const KINDS = /\.(png|jpe?g|tiff?)$/i;

interface Line {
  readonly path: string;
  readonly values: readonly RawValue[];
}

export async function openImages(
  source: ImagesSource,
  at: (path: string) => string,
  reading: Reading = QUIET,
): Promise<Connector> {
  const folder = at(source.folder);
  const { names, lines } = source.table === undefined ? await fromNames(source, folder) : await fromTable(source, at);
  if (lines.length === 0)
    throw unreadableData("no-pictures", "The folder holds no PNG, JPEG or TIFF file.", "Name the folder that does.");
  const all = [source.column, ...names];
  return {
    columns: async () => all,
    rows: (columns) => rowsOf(source, { folder, lines, reading }, placesOf(all, columns)),
    findings: () => [],
    close: async () => {},
  };
}

interface Films {
  readonly folder: string;
  readonly lines: readonly Line[];
  readonly reading: Reading;
}

async function* rowsOf(
  source: ImagesSource,
  { folder, lines, reading }: Films,
  places: readonly number[],
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  const cell = (image: RawArray | null, values: readonly RawValue[]): readonly RawValue[] =>
    places.map((place) => (place === 0 ? image : values[place - 1]));
  if (!places.includes(0)) {
    yield* chunked(lines.map(({ values }) => [cell(null, values)]));
    return;
  }
  const broken = new BrokenList();
  const { size, channels, filter } = source;
  const files = await fileReading(reading, lines.length, { size, channels, filter });
  const read = inOrder(lines, async ({ path, values }) => {
    const image = await broken.tried(path, () => cellOf(folder, path, source, files));
    files.step();
    return image === null ? [] : [cell(image, values)];
  });
  yield* chunked(read);
  broken.requireNone();
  await files.end();
}

/** Records file by file, some at once. */
export async function* chunked(
  files: Iterable<readonly (readonly RawValue[])[]> | AsyncIterable<readonly (readonly RawValue[])[]>,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  let chunk: (readonly RawValue[])[] = [];
  for await (const records of files) {
    chunk.push(...records);
    if (chunk.length < PICTURES_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function cellOf(folder: string, path: string, source: ImagesSource, files: FileReading): Promise<RawArray> {
  const bytes = await readFile(await fileIn(folder, path));
  const [picture] = await files.picturesOf(bytes, async () => [fitted(await decodePicture(bytes), source)]);
  assert(picture !== undefined, "a file of one picture has one");
  return picture;
}

/** A picture in the size and channels that the data set's file says. */
export function fitted(
  picture: Picture,
  { size: [height, width], channels, filter }: { size: [number, number]; channels: 1 | 3; filter: Filter },
): RawArray {
  const { values } = resample(withChannels(picture, channels), height, width, filter);
  return { shape: [height, width, channels], values };
}

async function fromNames(source: ImagesSource, folder: string): Promise<{ names: string[]; lines: Line[] }> {
  const { label, patient } = source;
  const pattern = patient === undefined ? null : new RegExp(patient.pattern);
  const names = [...(label === undefined ? [] : [label]), ...(patient === undefined ? [] : [patient.column])];
  const files = (await filesBelow(folder)).filter((path) => KINDS.test(path));
  const lines = files.map((path) => {
    const ofFolder = label === undefined ? [] : [basename(dirname(path))];
    const ofName = pattern === null ? [] : [pattern.exec(basename(path))?.[1] ?? null];
    return { path, values: [...ofFolder, ...ofName] };
  });
  return { names, lines };
}

async function fromTable(
  { table }: ImagesSource,
  at: (path: string) => string,
): Promise<{ names: readonly string[]; lines: Line[] }> {
  const { names, lines } = await readBesides(table === undefined ? undefined : at(table.file), table?.path);
  return { names, lines: lines.map(({ key, values }) => ({ path: key, values })) };
}
