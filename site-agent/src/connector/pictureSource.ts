/** What a data set's file says of pictures: where they lie, what belongs to them, and their size as a study's cell. */
import { z } from "zod";
import { DicomRules } from "../deidentification/dicomRules.ts";
import { Window } from "../dicom/window.ts";

const ColumnName = z.string().min(1).max(200);
const FilePath = z.string().min(1).max(4096);
const side = z.number().int().min(1).max(4096);

/** What every picture becomes: one cell of this column. */
const cell = {
  column: ColumnName.default("image").describe("Name of the array column that holds the picture."),
  size: z.tuple([side, side]).describe("[height, width] that pictures are resized to: the study's shape."),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .default(1)
    .describe("1: grey, 3: RGB."),
  filter: z.enum(["area", "lanczos"]).default("area").describe("How pictures are resized; every pixel counts in both."),
};

export const ImagesSource = z
  .strictObject({
    folder: FilePath.describe("Folder with PNG, JPEG and TIFF files, and folders of them."),
    ...cell,
    table: z
      .strictObject({ file: FilePath, path: ColumnName.describe("Column with each picture's path in the folder.") })
      .optional()
      .describe("A table with one picture a line; its other columns belong to the picture."),
    label: ColumnName.optional().describe("Without a table: the column that the name of a picture's folder becomes."),
    patient: z
      .strictObject({
        column: ColumnName.default("patient"),
        pattern: z.string().min(1).max(200).describe("Regular expression of a file's name; its group is the patient."),
      })
      .optional()
      .describe("Without a table: the patient, from the name of the file. A name that it doesn't fit has none."),
  })
  .superRefine((source, context) => {
    if (source.table !== undefined && (source.label !== undefined || source.patient !== undefined))
      context.addIssue({ code: "custom", path: ["table"], message: "tells label and patient itself: leave those out" });
    if (source.patient !== undefined && !isPattern(source.patient.pattern))
      context.addIssue({
        code: "custom",
        path: ["patient", "pattern"],
        message: "must be a regular expression with one group",
      });
  })
  .describe("A folder of pictures.");
export type ImagesSource = z.infer<typeof ImagesSource>;

export const DicomSource = z
  .strictObject({
    folder: FilePath.describe("Folder with DICOM files, and folders of them."),
    ...cell,
    patient: ColumnName.default("patient").describe("Name of the column with each image's patient."),
    labels: z
      .strictObject({
        file: FilePath,
        patient: ColumnName.optional().describe("Column with PatientID, as the DICOM files have it."),
        name: ColumnName.optional().describe("Or column with the file's path in the folder."),
      })
      .refine(({ patient, name }) => (patient === undefined) !== (name === undefined), {
        message: "must have either a patient or a name column",
      })
      .optional()
      .describe("A table whose other columns belong to the images that it names."),
    frames: z.enum(["first", "middle", "all"]).default("first").describe("Of several frames; all: one record each."),
    window: z
      .union([Window, z.literal("file").describe("Each object's own; one without is refused.")])
      .optional()
      .describe("Grey values become 0 to 255 through it; without it they are the modality's own, as Hounsfield units."),
    deidentify: DicomRules.default(DicomRules.parse({})),
  })
  .describe("A folder of DICOM files, de-identified in memory before anything else sees them.");
export type DicomSource = z.infer<typeof DicomSource>;

function isPattern(pattern: string): boolean {
  try {
    return (new RegExp(`${pattern}|`).exec("")?.length ?? 0) === 2;
  } catch {
    return false;
  }
}
