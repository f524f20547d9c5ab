/**
 * A folder of DICOM files as records. Each object passes the de-identifier before anything else sees it; only its
 * picture, the declared characteristics and the patient's identifier go on, and that one is hashed by the contract's
 * reader.
 */
import { readFile } from "node:fs/promises";
import type { RawArray, RawValue } from "@consilium/shared/study/features";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { safeObject } from "../deidentification/dicomFile.ts";
import { RETAINABLE } from "../deidentification/dicomKept.ts";
import { type DicomObject, textOf } from "../dicom/dataset.ts";
import { pictureOf } from "../dicom/frame.ts";
import { pixelFormatOf } from "../dicom/pixelFormat.ts";
import { byKey, readBesides } from "./besides.ts";
import { type Connector, placesOf, type SourceFinding, unreadableData } from "./connector.ts";
import { BrokenList, fileIn, filesBelow } from "./folder.ts";
import { fitted, PICTURES_PER_CHUNK } from "./images.ts";
import type { DicomSource } from "./pictureSource.ts";

const SECRET_BYTES = 32;

export async function openDicom(source: DicomSource, at: (path: string) => string): Promise<Connector> {
  const folder = at(source.folder);
  const files = await filesBelow(folder);
  if (files.length === 0)
    throw unreadableData("no-pictures", "The folder of DICOM files is empty.", "Name the folder that holds them.");
  const { labels } = source;
  const besides = await readBesides(labels && at(labels.file), labels?.patient ?? labels?.name);
  const names = [source.column, source.patient, ...source.deidentify.keep, ...besides.names];
  const work = new DicomFolder(source, folder, byKey(besides), besides.names.length);
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
    private readonly besides: ReadonlyMap<string, readonly RawValue[]>,
    private readonly besidesWidth: number,
  ) {}

  async *rows(files: readonly string[], places: readonly number[]): AsyncGenerator<readonly (readonly RawValue[])[]> {
    const broken = new BrokenList();
    this.leftOut = 0;
    let chunk: (readonly RawValue[])[] = [];
    for (const file of files) {
      const records = await broken.tried(file, () => this.recordsOf(file, places.includes(0)));
      for (const record of records ?? []) chunk.push(places.map((place) => record[place] ?? null));
      if (chunk.length < PICTURES_PER_CHUNK) continue;
      yield chunk;
      chunk = [];
    }
    if (chunk.length > 0) yield chunk;
    broken.requireNone();
  }

  findings(): readonly SourceFinding[] {
    return this.leftOut === 0 ? [] : [{ column: this.source.column, problem: "left-out", count: this.leftOut }];
  }

  private async recordsOf(file: string, withPicture: boolean): Promise<readonly (readonly RawValue[])[]> {
    const { deidentify, labels } = this.source;
    const bytes = await readFile(await fileIn(this.folder, file));
    const safe = await safeObject(bytes, deidentify, this.secret);
    if (safe.kind === "refused") {
      this.leftOut += 1;
      return [];
    }
    const key = labels?.patient === undefined ? file : safe.patient;
    const beside = this.besides.get(key) ?? Array.from({ length: this.besidesWidth }, () => null);
    const rest = [safe.patient, ...this.characteristics(safe.object), ...beside];
    const pictures = withPicture ? await this.pictures(safe.object) : [null];
    return pictures.map((picture) => [picture, ...rest]);
  }

  private characteristics({ dataset }: DicomObject): readonly (string | null)[] {
    const { keep } = this.source.deidentify;
    return keep.map((name) => {
      const [tag] = [...RETAINABLE].find(([, one]) => one.name === name) ?? [];
      const text = tag === undefined ? null : textOf(dataset, tag);
      // Ages in years are numbers to a study.
      return text === null ? null : text.replace(/^0*(\d+)Y$/, "$1");
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
