/**
 * A folder of DICOM files as records. Each object passes the de-identifier before anything else sees it; only its
 * picture, the declared characteristics and the patient's identifier go on, and that one is hashed by the contract's
 * reader.
 */
import { readFile } from "node:fs/promises";
import { assert, Failure } from "@consilium/shared/failure/failure";
import type { RawArray, RawValue } from "@consilium/shared/study/features";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { safeHead, safeObject } from "../deidentification/dicomFile.ts";
import { RETAINABLE } from "../deidentification/dicomKept.ts";
import { type DicomDataset, type DicomObject, textOf } from "../dicom/dataset.ts";
import { pictureOf } from "../dicom/frame.ts";
import { pixelFormatOf } from "../dicom/pixelFormat.ts";
import { inOrder } from "./ahead.ts";
import { byKey, readBesides } from "./besides.ts";
import { type Connector, placesOf, type SourceFinding, unreadableData } from "./connector.ts";
import { BrokenList, fileIn, filesBelow } from "./folder.ts";
import { chunked, fitted } from "./images.ts";
import { type FileReading, fileReading } from "./pictureFiles.ts";
import type { DicomSource } from "./pictureSource.ts";
import { QUIET, type Reading } from "./reading.ts";

const SECRET_BYTES = 32;

export async function openDicom(
  source: DicomSource,
  at: (path: string) => string,
  reading: Reading = QUIET,
): Promise<Connector> {
  const folder = at(source.folder);
  const files = await filesBelow(folder);
  if (files.length === 0)
    throw unreadableData("no-pictures", "The folder of DICOM files is empty.", "Name the folder that holds them.");
  const { labels } = source;
  const besides = await readBesides(labels && at(labels.file), labels?.patient ?? labels?.name);
  const names = [source.column, source.patient, ...source.deidentify.keep, ...besides.names];
  const work = new DicomFolder(source, folder, { named: byKey(besides), width: besides.names.length }, reading);
  return {
    columns: async () => names,
    rows: (columns) => work.rows(files, placesOf(names, columns)),
    findings: () => work.findings(),
    close: async () => {},
  };
}

class DicomFolder {
  private leftOut = 0;
  /** Identifiers in memory need hold together only here: those of the output are hashed with the site's secret. */
  private readonly secret = operatingSystemRandom.bytes(SECRET_BYTES);

  constructor(
    private readonly source: DicomSource,
    private readonly folder: string,
    private readonly besides: { readonly named: ReadonlyMap<string, readonly RawValue[]>; readonly width: number },
    private readonly reading: Reading,
  ) {}

  async *rows(files: readonly string[], places: readonly number[]): AsyncGenerator<readonly (readonly RawValue[])[]> {
    const broken = new BrokenList();
    this.leftOut = 0;
    const { size, channels, filter, frames, window = null, deidentify } = this.source;
    const recipe = { size, channels, filter, frames, window, deidentify };
    const pictures = places.includes(0) ? await fileReading(this.reading, files.length, recipe) : null;
    const read = inOrder(files, async (file) => {
      const records = await broken.tried(file, () => this.orLeftOut(file, this.recordsOf(file, pictures)));
      pictures?.step();
      return (records ?? []).map((record) => places.map((place) => record[place] ?? null));
    });
    yield* chunked(read);
    broken.requireNone();
    await pictures?.end();
  }

  findings(): readonly SourceFinding[] {
    return this.leftOut === 0 ? [] : [{ column: this.source.column, problem: "left-out", count: this.leftOut }];
  }

  /** Archives hold texts about themselves: what is no DICOM file and isn't named like one is left out, and counted. */
  private async orLeftOut<T>(file: string, records: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await records;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "data/not-dicom" || /\.(dcm|dicom|ima)$/i.test(file))
        throw error;
      this.leftOut += 1;
      return [];
    }
  }

  private async recordsOf(file: string, reading: FileReading | null): Promise<readonly (readonly RawValue[])[]> {
    const { deidentify, labels } = this.source;
    const bytes = await readFile(await fileIn(this.folder, file));
    const head = safeHead(bytes, deidentify, this.secret);
    if (head.kind === "refused") {
      this.leftOut += 1;
      return [];
    }
    const key = labels?.patient === undefined ? file : head.patient;
    const beside = this.besides.named.get(key) ?? Array.from({ length: this.besides.width }, () => null);
    const rest = [head.patient, ...this.characteristics(head.dataset), ...beside];
    const pictures = reading === null ? [null] : await reading.picturesOf(bytes, () => this.decoded(bytes));
    return pictures.map((picture) => [picture, ...rest]);
  }

  private async decoded(bytes: Uint8Array): Promise<readonly RawArray[]> {
    const safe = await safeObject(bytes, this.source.deidentify, this.secret);
    assert(safe.kind === "safe", "an object whose head may be seen may be seen");
    return this.pictures(safe.object);
  }

  private characteristics(dataset: DicomDataset): readonly (string | null)[] {
    const { keep } = this.source.deidentify;
    return keep.map((name) => {
      const [tag] = [...RETAINABLE].find(([, one]) => one.name === name) ?? [];
      const text = tag === undefined ? null : textOf(dataset, tag);
      return text === null ? null : inYears(text);
    });
  }

  private async pictures(object: DicomObject): Promise<readonly RawArray[]> {
    const { frames } = pixelFormatOf(object.dataset, object.transferSyntax);
    const chosen = this.source.frames;
    const wanted =
      chosen === "all"
        ? Array.from({ length: frames }, (_, i) => i)
        : [chosen === "first" ? 0 : Math.floor(frames / 2)];
    const pictures: RawArray[] = [];
    for (const frame of wanted)
      pictures.push(fitted(await pictureOf(object, frame, this.source.window ?? null), this.source));
    return pictures;
  }
}

/** Of a year in days, weeks, months and years, as ages are written (PS3.5, 6.2). */
const UNITS_A_YEAR: Readonly<Record<string, number>> = { D: 365.25, W: 365.25 / 7, M: 12, Y: 1 };

/** Whole years, which are numbers to a study; other texts as they are. */
function inYears(text: string): string {
  const [, count, unit = ""] = /^(\d+)([DWMY])$/.exec(text) ?? [];
  return count === undefined ? text : String(Math.floor(Number(count) / (UNITS_A_YEAR[unit] ?? 1)));
}
