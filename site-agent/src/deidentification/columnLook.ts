/** Whether a column that no rule lists may be copied: numbers and codes of categories, nothing that somebody wrote. */
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import { type IdentifierKind, IdentifierScan, identifierByValue } from "./identifiers.ts";

const CODES_MAX = 50;
const CODE_LENGTH_MAX = 40;
/** On average, of those that hold one: a name, a place or a rare finding is said of fewer. */
const RECORDS_PER_CODE = 10;

/** Fed with all values of a column. */
export class ColumnLook {
  private texts = 0;
  private longest = 0;
  private arrays = 0;
  private readonly codes = new Set<string>();
  private readonly scan = new IdentifierScan();
  /** What a single text looks like. */
  private single: IdentifierKind | null = null;

  add(value: RawValue): void {
    if (isAbsent(value)) return;
    if (isArrayValue(value)) {
      this.arrays += 1;
      return;
    }
    this.scan.add(value);
    if (parseNumber(value) !== null) return;
    const text = String(value);
    this.texts += 1;
    this.single ??= identifierByValue(text);
    this.longest = Math.max(this.longest, text.length);
    if (this.codes.size <= CODES_MAX) this.codes.add(text);
  }

  /** Why it must go; `null`: it may stay. */
  objection(): string | null {
    if (this.arrays > 0) return "pictures or arrays";
    const kind = this.single ?? this.scan.found();
    if (kind !== null) return kind;
    // Remarks among numbers are few by themselves, however many numbers there are.
    const few = this.codes.size <= CODES_MAX && this.codes.size * RECORDS_PER_CODE <= this.texts;
    return this.texts === 0 || (few && this.longest <= CODE_LENGTH_MAX) ? null : "text that is no list of codes";
  }
}
