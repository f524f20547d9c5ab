/**
 * Columns that identify a person, told by their name or by what their values look like: the 18 kinds of HIPAA's Safe
 * Harbor, 45 CFR 164.514(b)(2). None may be a feature or a label. The patient key may be one: it is replaced by a
 * keyed hash before anything is stored. A column that passes is not thereby anonymous: a genome stays identifying.
 */
import { isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";

export type IdentifierKind =
  | "name"
  | "place"
  | "date"
  | "phone"
  | "fax"
  | "e-mail"
  | "social security number"
  | "record number"
  | "plan number"
  | "account number"
  | "licence number"
  | "vehicle number"
  | "device number"
  | "web address"
  | "IP address"
  | "biometric"
  | "photograph"
  | "unique code"
  | "free text";

/** Kind that a column's name tells of; `null` when it tells of none. */
export function identifierByName(column: string): IdentifierKind | null {
  const words = wordsOf(column);
  const joined = ` ${words.join(" ")} `;
  for (const [kind, patterns] of NAME_PATTERNS) if (patterns.test(joined)) return kind;
  return null;
}

/** Kind that one value looks like by itself; `null` when it looks like none. */
export function identifierByValue(value: string): IdentifierKind | null {
  const text = value.slice(0, LOOKED_AT).trim();
  if (isFreeText(text)) return "free text";
  return VALUE_PATTERNS.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}

/** What a column's values look like; fed with all of them, it keeps counts and a bounded set of the distinct ones. */
export class IdentifierScan {
  private seen = 0;
  private readonly hits = new Map<IdentifierKind, number>();
  private readonly distinct = new Set<string>();
  private codes = 0;

  add(value: RawValue): void {
    if (value === null || value === undefined || isArrayValue(value)) return;
    // Fractions and small numbers fit no pattern: a row of 25,000 of them isn't written out as text.
    if (typeof value === "number" && !(Number.isInteger(value) && Math.abs(value) >= 1e6)) {
      this.seen += 1;
      return;
    }
    const text = String(value).slice(0, LOOKED_AT).trim();
    if (text === "") return;
    this.seen += 1;
    // Most values of a contract are short numbers, which no pattern matches.
    if (text.length < 6) return;
    const kind = identifierByValue(text);
    if (kind !== null) this.hits.set(kind, (this.hits.get(kind) ?? 0) + 1);
    if (isLongCode(text)) {
      this.codes += 1;
      if (this.distinct.size < DISTINCT_MAX) this.distinct.add(text);
    }
  }

  /** The kind that at least one value in ten looks like, or long codes of which nearly none repeats. */
  found(): IdentifierKind | null {
    for (const [kind, hits] of this.hits) if (hits >= SHARE * this.seen) return kind;
    const known = Math.min(this.codes, DISTINCT_MAX);
    return this.codes >= CODES_MIN && this.codes >= 0.9 * this.seen && this.distinct.size >= 0.95 * known
      ? "unique code"
      : null;
  }
}

const SHARE = 0.1;
const DISTINCT_MAX = 2_000;
const CODES_MIN = 10;

/** Characters of a value that are looked at: patterns must not be slow on hostile text. */
const LOOKED_AT = 300;

/** A whole number of 7 or more digits, or letters with 4 digits in a row: no measurement looks so. */
function isLongCode(text: string): boolean {
  if (text.length > 64 || !/^[\w./-]+$/.test(text)) return false;
  return /^\d{7,}$/.test(text) || (/[A-Za-z]/.test(text) && /\d{4}/.test(text) && parseNumber(text) === null);
}

/** Sentences: long, and of several words. */
function isFreeText(text: string): boolean {
  return text.length >= 60 && text.split(/\s+/).length >= 8;
}

/** Words of a name: `dateOfBirth`, `DATE_OF_BIRTH` and `date of birth` alike. */
export function wordsOf(column: string): readonly string[] {
  return column
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

/** Each is held against the name's words between blanks; the first that fits tells the kind. */
const NAME_PATTERNS: readonly (readonly [IdentifierKind, RegExp])[] = [
  ["photograph", / (photo|photos|photograph|portrait|face image|facial image|picture) /],
  ["IP address", / (ip|ipv4|ipv6) (address|addr|adresse) | ipv[46] | ipaddress /],
  ["web address", / (url|uri|website|homepage|web page) /],
  ["e-mail", / (e ?mail|email address|mail address) /],
  ["name", / (first|last|family|given|middle|maiden|full|patient|sur|birth|doctor|physician) ?names? /],
  ["name", / (name|surname|forename|initials|vorname|nachname|prenom|apellido) /],
  ["place", / (address|street|city|town|village|county|zip|zip ?code|post ?code|postal|plz|strasse) /],
  [
    "place",
    / (geo ?location|geo ?code|geo ?hash|latitude|longitude|gps|precinct|neighbou?rhood|census (tract|block)) /,
  ],
  ["date", / (date|datetime|timestamp|dob|birth ?date|birthday|geburtsdatum|admitted on|died on) /],
  ["date", / (birth|death|admission|discharge|visit|diagnosis) (day|time|date) | (day|time) of (birth|death) /],
  ["date", / (discharged on|born on|year of birth|birth year|geburtsjahr|sterbedatum|aufnahmedatum|entlassdatum) /],
  ["phone", / (phone|telephone|mobile|cell ?phone|tel) (no |nr |number )?$| (phone|telephone) /],
  ["fax", / fax | (tele)?fax (no|nr|number) /],
  ["social security number", / (ssn|social security|nhs (no|nr|number)|nino|national id|insee|passport|tax id) /],
  ["social security number", / (ahv|sozialversicherungsnummer) /],
  ["record number", / (mrn|medical record|encounter id|accession|usubjid|patnr|fallnummer) /],
  ["record number", / (record|chart|case|hospital) (id|no|nr|number) | (patient|subject|person) ?(id|no|nr|number) /],
  [
    "plan number",
    / (insurance|policy|beneficiary|plan|member) ?(id|no|nr|number) | versichertennummer | krankenkasse /,
  ],
  ["account number", / (account|iban|bank|credit card|card) (id|no|nr|number) | iban | account /],
  ["licence number", / (licen[cs]e|certificate) (id |no |nr |number )?/],
  ["vehicle number", / (vehicle|number plate|license plate|plate (no|nr|number)|vin) /],
  ["device number", / (device|serial|implant|pacemaker|imei|mac) (id|no|nr|number|address|serial) /],
  ["device number", / (serialnumber|imei|udi) /],
  ["biometric", / (fingerprint|finger print|voice ?print|retina scan|iris (scan|code)|biometric|face ?id|palm print) /],
  ["free text", / (note|notes|comment|comments|remark|remarks|narrative|free ?text|report text|history text) /],
  ["free text", / (description|anamnesis|bemerkung) /],
  ["unique code", / (id|uid|uuid|guid|identifier|key|hash|token|barcode|qr) $/],
];

const MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*";
/** Year first, year last or of two digits, `20260301`, `3 March 1980` and `March 3, 1980`; a time of day may follow. */
const DATES = [
  "\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}",
  "\\d{1,2}[-/.]\\d{1,2}[-/.](?:19|20)?\\d{2}",
  "(?:19|20)\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])",
  `\\d{1,2}[ -]${MONTH}[ -]\\d{2,4}`,
  `${MONTH} \\d{1,2},? \\d{4}`,
];

/** Each is held against one trimmed value. */
const VALUE_PATTERNS: readonly (readonly [IdentifierKind, RegExp])[] = [
  ["e-mail", /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i],
  ["web address", /^(?:https?|ftp):\/\/\S+$|^www\.\S+\.\S+$/i],
  [
    "IP address",
    /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$|^(?:[0-9a-f]{0,4}:){4,7}[0-9a-f]{0,4}$/i,
  ],
  ["social security number", /^\d{3}-\d{2}-\d{4}$/],
  ["place", /^\d{5}-\d{4}$/],
  ["device number", /^(?:[0-9a-f]{2}-){5}[0-9a-f]{2}$/i],
  ["date", new RegExp(`^(?:${DATES.join("|")})(?:[T ].*)?$`, "i")],
  ["phone", /^\+[\d() /-]{7,20}$|^\(?\d{3}\)?[ -]\d{3}-\d{4}$/],
  ["account number", /^[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?$/],
  ["unique code", /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$|^[0-9a-f]{32,}$/i],
  ["photograph", /^data:image\/|\.(?:jpe?g|png|dcm|tiff?)$/i],
];
