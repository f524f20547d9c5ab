/** Pictures sanitized by the command, from folders of image and DICOM files, and read back through the same schema. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isArrayValue } from "@consilium/shared/study/features";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { checkContract } from "../contract/prepare.ts";
import { TAG, textElement } from "../dicom/dataset.ts";
import { greyImage } from "../dicom/dicomFiles.test-support.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { setCap } from "./budget.ts";
import type { CommandContext } from "./context.ts";
import { register } from "./datasets.ts";
import { joinedSite } from "./joinedSite.test-support.ts";
import { openNamed } from "./localFile.ts";
import { type SanitizeOptions, sanitizeData } from "./sanitize.ts";
import { labelRuleOf } from "./sanitizeMethod.ts";
import { contractIn } from "./sanitizeSchema.ts";
import { add } from "./steward.ts";

const SIDE = 8;
const FILMS = 12;
const ROLES = { labelColumn: "finding", patientColumn: "patient" };

let root = "";
let context: CommandContext;
let said: string[] = [];

beforeAll(async () => {
  ({ root, context } = await joinedSite({ isJson: false, result: () => {}, say: (line) => void said.push(line) }));
  await writeFile(join(root, "second"), "another battery entirely", { mode: 0o600 });
  const newPasswordFile = join(root, "second");
  await add(context, "Dr. Koch", { newPasswordFile, reason: undefined, steward: signing("right") });
  await writeFile(
    join(root, "films.schema.yaml"),
    stringify({
      apiVersion: "consilium/v1",
      kind: "Schema",
      columns: [
        { name: "film", type: "array", shape: [SIDE, SIDE, 1], min: 0, max: 255 },
        { name: "finding", type: "category", values: ["normal", "pneumonia"] },
      ],
    }),
  );
  const table = ["file,patient,finding"];
  await mkdir(join(root, "films"));
  for (let film = 0; film < FILMS; film++) {
    const bytes = Buffer.alloc(SIDE * SIDE, 40 + 10 * film);
    const png = sharp(bytes, { raw: { width: SIDE, height: SIDE, channels: 1 } }).toColourspace("b-w");
    await writeFile(join(root, "films", `f${film}.png`), await png.png().toBuffer());
    table.push(`f${film}.png,p${film},${film % 2 === 0 ? "normal" : "pneumonia"}`);
  }
  await writeFile(join(root, "films.csv"), `${table.join("\n")}\n`);
  const images = { folder: "films", column: "film", size: [SIDE, SIDE], table: { file: "films.csv", path: "file" } };
  await dataset("films", { images });
}, 30_000);
afterAll(() => rm(root, { recursive: true, force: true }));

function signing(password: string) {
  return { passwordFile: join(root, password), isSure: true };
}

async function dataset(name: string, source: object): Promise<void> {
  const path = join(root, `${name}.yaml`);
  await writeFile(path, JSON.stringify({ apiVersion: "consilium/v1", kind: "Dataset", source }));
  await register(context, name, path);
  await setCap(context, name, { epsilon: 1000, delta: 1e-5, perStudy: undefined, steward: signing("right") });
}

function sanitized(changes: Partial<SanitizeOptions>): Promise<void> {
  said = [];
  return sanitizeData(context, {
    ...{ input: "films", out: join(root, "out.npz"), schema: join(root, "films.schema.yaml"), roles: ROLES },
    ...{ method: "pixel-laplace", epsilon: 1, promise: "record", delta: 1e-5, labels: labelRuleOf("dropped") },
    ...{ records: undefined, isDryRun: false, steward: signing("right"), second: null },
    ...changes,
  });
}

/** Through the schema, as studies read it; and each picture's numbers as they stand in the file. */
async function readBack(out: string) {
  const contract = contractIn(join(root, "films.schema.yaml"), ROLES);
  const connector = await openNamed(out);
  const films: (readonly number[])[] = [];
  for await (const chunk of connector.rows(["film"]))
    for (const [film] of chunk) films.push(isArrayValue(film) ? Array.from(film.values) : []);
  const hasLabel = (await connector.columns()).includes(contract.label.name);
  const random = operatingSystemRandom;
  const report = hasLabel ? await checkContract(connector, contract, { secret: new Uint8Array(32), random }) : null;
  await connector.close();
  return { films, report };
}

const failing = (code: string, text = "") => expect.objectContaining({ code, message: expect.stringContaining(text) });

describe("[SAN19] pictures are sanitized into an archive that the same schema reads", () => {
  test("pixel by pixel: two stewards sign, the words promise no more than a pixel, noise is that of each pixel", async () => {
    await expect(sanitized({})).rejects.toThrow(failing("steward/second-missing"));
    const second = { ...signing("second"), as: "Dr. Koch" };
    await sanitized({ second, labels: labelRuleOf("public"), epsilon: 4 });
    expect(said.join("\n")).toContain(
      "Hides a change of one pixel at ε = 4, of m pixels at m times that: a picture of 64",
    );
    expect(said.join("\n")).toContain("no meaningful protection of who is in the picture");
    const { films, report } = await readBack(join(root, "out.npz"));
    expect(report).toMatchObject({ records: FILMS, patients: FILMS, violated: false });
    expect(films.map(({ length }) => length)).toEqual(films.map(() => SIDE * SIDE));
    // Laplace of scale 255/4 about 40 … 150; outside of the range too, as noise is. One in 10⁹ runs is off.
    const all = films.flat();
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    expect(Math.abs(mean - 95)).toBeLessThan((6 * Math.SQRT2 * 255) / 4 / Math.sqrt(all.length));
    expect(all.some((value) => value < 0)).toBe(true);
    const manifest = await readFile(join(root, "out.npz.sanitized.json"), "utf8");
    expect(JSON.parse(manifest)).toMatchObject({ manifest: { disclosed: ["features", "labels"] } });
  });

  test.each([
    ["dct-laplace", { coefficients: 3, clip: 8, epsilon: 200 }],
    ["dct-metric", { coefficients: 3, clip: 8, epsilon: 200 }],
    ["projection", { dimensions: 5, clip: 8, epsilon: 50 }],
  ] as const)("%s takes an array's numbers as coordinates, and is charged for the record", async (method, own) => {
    const out = join(root, `${method}.npz`);
    await sanitized({ method, ...own, out, labels: labelRuleOf("randomised:2") });
    if (method === "projection") {
      const connector = await openNamed(out);
      expect(await connector.columns()).toEqual(["patient", "p1", "p2", "p3", "p4", "p5", "finding"]);
      await connector.close();
      return;
    }
    const { films, report } = await readBack(out);
    expect(report).toMatchObject({ records: FILMS, violated: false });
    expect(films.flat().every(Number.isFinite)).toBe(true);
  });

  test("of DICOM files too", async () => {
    await mkdir(join(root, "slices"));
    const table = ["id,finding"];
    for (let slice = 0; slice < 3; slice++) {
      const image = greyImage(SIDE, SIDE, [textElement(TAG.patientId, "LO", `P${slice}`)]);
      const bytes = writeDicom({ transferSyntax: EXPLICIT_LITTLE_ENDIAN, dataset: image });
      await writeFile(join(root, "slices", `s${slice}.dcm`), bytes);
      table.push(`P${slice},normal`);
    }
    await writeFile(join(root, "slices.csv"), `${table.join("\n")}\n`);
    const labels = { file: "slices.csv", patient: "id" };
    const dicom = { folder: "slices", column: "film", size: [SIDE, SIDE], patient: "patient", labels };
    await dataset("slices", { dicom });
    const out = join(root, "slices.npz");
    const second = { ...signing("second"), as: "Dr. Koch" };
    await sanitized({ input: "slices", out, second, labels: labelRuleOf("randomised:3") });
    expect((await readBack(out)).report).toMatchObject({ records: 3, patients: 3, violated: false });
  });

  test.each([
    ["a CSV file", "out.csv", "Column 'film' holds arrays"],
    ["Parquet", "out.parquet", "A .parquet file is not written"],
  ])("%s is refused before anything is spent", async (_, name, text) => {
    await expect(sanitized({ out: join(root, name) })).rejects.toThrow(failing("sanitizer/format", text));
  });
});
