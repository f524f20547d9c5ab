import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { afterAll, describe, expect, test } from "vitest";
import { knownRepresentation } from "../deidentification/dicomKept.ts";
import { DicomRules } from "../deidentification/dicomRules.ts";
import { DeidentificationTally, isSignedBy } from "../deidentification/report.ts";
import { TAG, textElement, textOf } from "../dicom/dataset.ts";
import { greyImage } from "../dicom/dicomFiles.test-support.ts";
import { readDicom } from "../dicom/read.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { dataFolder } from "../storage/folder.ts";
import type { CommandContext } from "./context.ts";
import { deidentify } from "./deidentify.ts";
import { verifyDeidentified } from "./deidentifyVerify.ts";
import { outputTo } from "./output.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-deidentify-"));
afterAll(() => rmSync(folder, { recursive: true }));
const vectors = fileURLToPath(new URL("../../../test/vectors/dicom/", import.meta.url));
const running = new AbortController().signal;

function context(): CommandContext {
  const silent = new PassThrough().resume();
  const terminal = { input: process.stdin, output: process.stderr };
  return {
    folder: dataFolder(join(folder, "none")),
    environment: {},
    output: outputTo(silent, silent, true),
    terminal,
  };
}

let made = 0;
function source(files: Readonly<Record<string, Uint8Array | string>>): { from: string; out: string } {
  made += 1;
  const from = join(folder, `in${made}`);
  mkdirSync(join(from, "Doe"), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(from, name), content);
  return { from, out: join(folder, `out${made}`) };
}

const film = (patient: string, instance: string) =>
  writeDicom({
    dataset: greyImage(2, 2, [
      textElement(TAG.patientId, "LO", patient),
      textElement(TAG.sopInstance, "UI", instance),
      textElement(0x00100010, "PN", "Doe^John"),
    ]),
    transferSyntax: EXPLICIT_LITTLE_ENDIAN,
  });
const below = (path: string) => readdirSync(path, { recursive: true, encoding: "utf8" }).sort();

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof Failure ? error.code : String(error);
}

describe("[DEI5] copies of a folder are whole or not there, with a report that holds no value of the originals", () => {
  const files = {
    "Doe/one.dcm": film("DOE-1", "1.2.3.1"),
    "two.dcm": film("DOE-1", "1.2.3.2"),
    "again.dcm": film("DOE-1", "1.2.3.2"),
    "other.dcm": film("ROE-2", "1.2.3.3"),
    "readme.txt": "Doe's films",
  };

  test("what is written, dropped and told", async () => {
    const { from, out } = source(files);
    await deidentify(context(), { folder: from, out, rules: undefined }, running);
    const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
    expect(report.statement).toMatchObject({
      read: 5,
      written: 3,
      patients: 2,
      dropped: { "not-dicom": 1, "same-object-twice": 1 },
    });
    const images = below(out).filter((path) => path.endsWith(".dcm"));
    expect(images).toHaveLength(3);
    const everything = below(out)
      .filter((path) => statSync(join(out, path)).isFile())
      .map((path) => readFileSync(join(out, path), "latin1"))
      .join("\n");
    for (const original of ["Doe", "DOE-1", "ROE-2", "1.2.3.1", "one.dcm", folder]) {
      expect(everything + below(out).join("\n")).not.toContain(original);
    }
    for (const image of images) {
      expect(textOf(readDicom(readFileSync(join(out, image)), knownRepresentation).dataset, 0x00120062)).toBe("YES");
      expect(statSync(join(out, image)).mode & 0o777).toBe(0o600);
    }
    await verifyDeidentified(context(), out, undefined);
    writeFileSync(join(out, images[0] ?? ""), "altered");
    expect(await codeOf(verifyDeidentified(context(), out, undefined))).toBe("data/not-as-reported");
  });

  test("private attributes are one line of the text, each by its tag in the JSON", async () => {
    const more = [0x00190010, 0x00191001, 0x00291008].map((tag) => textElement(tag, "LO", "Doe"));
    const dataset = greyImage(2, 2, more);
    const { from, out } = source({ "one.dcm": writeDicom({ dataset, transferSyntax: EXPLICIT_LITTLE_ENDIAN }) });
    await deidentify(context(), { folder: from, out, rules: undefined }, running);
    const text = readFileSync(join(out, "report.txt"), "utf8");
    expect(text.match(/private/g)).toHaveLength(1);
    expect(text).toMatch(/private +removed +3 +of 3 tags/);
    expect(readFileSync(join(out, "report.json"), "utf8")).toContain("(0029,1008)");
  });

  test("rules from a file; a fault of it is told with its line", async () => {
    const { from, out } = source(files);
    const rules = join(folder, "rules.yaml");
    writeFileSync(rules, "dates: shift\nburnedIn: none\n");
    await deidentify(context(), { folder: from, out, rules }, running);
    expect(readFileSync(join(out, "report.txt"), "utf8")).toContain("Dates: shift");
    writeFileSync(rules, "dates: shfit\n");
    const wrong = source(files);
    expect(await codeOf(deidentify(context(), { folder: wrong.from, out: wrong.out, rules }, running))).toBe(
      "data/rules-invalid",
    );
  });

  test("nothing is left of what didn't end", async () => {
    const { from, out } = source(files);
    const stop = new AbortController();
    stop.abort();
    const before = below(folder);
    expect(await codeOf(deidentify(context(), { folder: from, out, rules: undefined }, stop.signal))).toBe(
      "data/interrupted",
    );
    expect(below(folder)).toEqual(before);
  });

  test.each([
    ["is there", (from: string) => [from, join(from, "..", "in1")]],
    ["lies in the source", (from: string) => [from, join(from, "clean")]],
  ])("an --out that %s is refused", async (_, paths) => {
    const [from = "", out = ""] = paths(source(files).from);
    const before = below(folder);
    expect(await codeOf(deidentify(context(), { folder: from, out, rules: undefined }, running))).toBe(
      "file/unwritable",
    );
    expect(below(folder)).toEqual(before);
  });

  test("pydicom's own files: each is written, or dropped by a reason", async () => {
    const out = join(folder, "pydicom");
    const rules = join(folder, "captures.yaml");
    writeFileSync(rules, "secondaryCapture: true\nburnedIn: none\n");
    await deidentify(context(), { folder: vectors, out, rules }, running);
    const { statement } = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
    const dropped = Object.values<number>(statement.dropped).reduce((sum, count) => sum + count, 0);
    expect(statement.written + dropped).toBe(statement.read);
    expect(statement.written).toBeGreaterThan(5);
    const text = below(out)
      .map((path) => (path.endsWith(".dcm") ? readFileSync(join(out, path), "latin1") : ""))
      .join("");
    expect(text).not.toMatch(/CompressedSamples|Lestrade|TOSHIBA|JFK IMAGING|GE MEDICAL/);
  });

  test("a signature is the site's over the whole statement", () => {
    const signer = signerOf(new Uint8Array(32).fill(9));
    const report = new DeidentificationTally().report(DicomRules.parse({}), signer);
    expect(isSignedBy(report, signer.publicKey)).toBe(true);
    expect(isSignedBy(report, signerOf(new Uint8Array(32).fill(8)).publicKey)).toBe(false);
    expect(isSignedBy({ ...report, statement: { ...report.statement, written: 1 } }, signer.publicKey)).toBe(false);
  });
});
