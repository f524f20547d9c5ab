/**
 * What was done to a folder of DICOM files, in figures alone: no value, no name of a file, no identifier of the
 * originals.
 */
import { createHash } from "node:crypto";
import { type Signer, signStatement, verifyStatement } from "@consilium/shared/signing/ed25519";
import { Digest } from "@consilium/shared/units/identity";
import { z } from "zod";
import { tagText } from "../dicom/dataset.ts";
import type { AttributeDeed } from "./dicomDeidentify.ts";
import { DicomRules, REFUSALS } from "./dicomRules.ts";
import { TableStatement, tableLines } from "./tableReport.ts";

const count = z.number().int().nonnegative();

export const ReportStatement = z.strictObject({
  profile: z.literal("DICOM PS3.15 2026c, Annex E, Basic Application Level Confidentiality Profile"),
  rules: DicomRules,
  read: count,
  written: count,
  /** Files that aren't in the output, by reason. */
  dropped: z.record(z.string(), count),
  patients: count,
  /** Identifiers replaced, repeats included. */
  uidsReplaced: count,
  attributes: z.array(
    z.strictObject({
      tag: z.string(),
      name: z.string(),
      deed: z.enum(["removed", "emptied", "replaced", "shifted", "retained"]),
      count,
    }),
  ),
  /** SHA-256 over the lines "SHA-256, two blanks, path" of all written files, by path. */
  output: Digest,
});
export type ReportStatement = z.infer<typeof ReportStatement>;

/** By the site's identity key; null where no site has its data folder here. */
const Signed = z.strictObject({ publicKey: z.string(), signature: z.string() }).nullable();
const DicomReport = z.strictObject({ statement: ReportStatement, signed: Signed });
type DicomReport = z.infer<typeof DicomReport>;
const TableReport = z.strictObject({ statement: TableStatement, signed: Signed });
export type TableReport = z.infer<typeof TableReport>;

export const DeidentificationReport = z.union([DicomReport, TableReport]);
export type DeidentificationReport = z.infer<typeof DeidentificationReport>;

export const PROFILE_NAME = "DICOM PS3.15 2026c, Annex E, Basic Application Level Confidentiality Profile";
/** The name that `dicomDeidentify.ts` gives to attributes of vendors. */
const PRIVATE = "private attribute";
const DOMAIN = "deidentification-report";

/** Adds up what was done, object after object. */
export class DeidentificationTally {
  read = 0;
  private readonly written = new Map<string, string>();
  private readonly patients = new Set<string>();
  private readonly dropped = new Map<string, number>();
  private readonly deeds = new Map<string, AttributeDeed>();

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  /** `path` is the output's. */
  wrote(path: string, bytes: Uint8Array, patientKey: string, deeds: readonly AttributeDeed[]): void {
    this.written.set(path, createHash("sha256").update(bytes).digest("hex"));
    this.patients.add(patientKey);
    for (const deed of deeds) {
      const key = `${deed.tag} ${deed.deed} ${deed.name}`;
      this.deeds.set(key, { ...deed, count: deed.count + (this.deeds.get(key)?.count ?? 0) });
    }
  }

  has(path: string): boolean {
    return this.written.has(path);
  }

  report(rules: DicomRules, signer: Signer | null): DicomReport {
    const deeds = [...this.deeds.values()].sort((a, b) => a.tag - b.tag);
    const statement = ReportStatement.parse({
      profile: PROFILE_NAME,
      rules,
      read: this.read,
      written: this.written.size,
      dropped: Object.fromEntries([...this.dropped].sort(([a], [b]) => (a < b ? -1 : 1))),
      patients: this.patients.size,
      uidsReplaced: deeds.reduce((sum, one) => sum + (one.name.endsWith("UID") ? one.count : 0), 0),
      attributes: deeds.map(({ tag, name, deed, count: times }) => ({ tag: tagText(tag), name, deed, count: times })),
      output: outputDigest(this.written),
    });
    return { statement, signed: signedBy(signer, statement) };
  }
}

export function signedBy(signer: Signer | null, statement: ReportStatement | TableStatement): z.infer<typeof Signed> {
  if (signer === null) return null;
  return { publicKey: signer.publicKey, signature: signStatement(signer, DOMAIN, statement) };
}

export function outputDigest(written: ReadonlyMap<string, string>): Digest {
  const lines = [...written].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, digest]) => `${digest}  ${path}\n`);
  return Digest.parse(createHash("sha256").update(lines.join("")).digest("hex"));
}

export function isSignedBy({ statement, signed }: DeidentificationReport, publicKey: string): boolean {
  return signed?.publicKey === publicKey && verifyStatement(publicKey, DOMAIN, statement, signed.signature);
}

function isPublic({ name }: ReportStatement["attributes"][number]): boolean {
  return name !== PRIVATE;
}

/** Private attributes are many and have no names: one line for all, each by its tag in the JSON. */
function privateLine(attributes: ReportStatement["attributes"]): readonly string[] {
  const ofVendors = attributes.filter((one) => !isPublic(one));
  const count = ofVendors.reduce((sum, one) => sum + one.count, 0);
  return count === 0 ? [] : [`private      removed   ${String(count).padStart(8)}  of ${ofVendors.length} tags`];
}

function signatureLine(signed: z.infer<typeof Signed>): string {
  return signed === null
    ? "Not signed: no site has its data folder here."
    : `Signed by the site's key ${signed.publicKey}`;
}

/** The report as a text file. */
export function textOfReport(report: DeidentificationReport): string {
  return `${reportLines(report).join("\n")}\n`;
}

/** The report for people: it follows from what is signed. */
export function reportLines({ statement, signed }: DeidentificationReport): readonly string[] {
  return "profile" in statement ? dicomLines(statement, signed) : [...tableLines(statement), signatureLine(signed)];
}

function dicomLines(statement: ReportStatement, signed: z.infer<typeof Signed>): readonly string[] {
  const { read, written, dropped, patients, rules, attributes, uidsReplaced } = statement;
  const reasons: Readonly<Record<string, string>> = REFUSALS;
  return [
    `De-identified by ${PROFILE_NAME}.`,
    `${written} of ${read} files written, of ${patients} patients; ${uidsReplaced} unique identifiers replaced.`,
    ...Object.entries(dropped).map(([reason, times]) => `  left out: ${times}, ${reasons[reason] ?? reason}`),
    `Burned-in text: ${typeof rules.burnedIn === "object" ? `${rules.burnedIn.blank.length} rectangles blanked` : rules.burnedIn}.`,
    `Dates: ${rules.dates}; times: ${rules.times}; retained: ${rules.keep.length === 0 ? "nothing" : rules.keep.join(", ")}.`,
    "",
    ...privateLine(attributes),
    ...attributes
      .filter(isPublic)
      .map((one) => `${one.tag}  ${one.deed.padEnd(8)}  ${String(one.count).padStart(8)}  ${one.name}`),
    "",
    `SHA-256 of the output's list: ${statement.output}`,
    signatureLine(signed),
    "What may still identify a person: faces and rare findings in the pictures themselves. See docs/deidentification.md.",
  ];
}
