/** A matrix of numbers as it lies in a file: line after line, each with its numbers; orientation is the reader's. */
export interface MatrixFile {
  /** Numbers in each line. */
  readonly width: number;
  /** What a line is: a row, or a column where the file is kept column by column. */
  readonly linesAre: "rows" | "columns";
  /** `null` where it is known only at the end. */
  readonly lineCount: number | null;
  /** Names of the lines in the file's order; `null` where it has none. */
  lineNames(): Promise<readonly string[] | null>;
  /** Names of a line's numbers; `null` where it has none. */
  readonly acrossNames: readonly string[] | null;
  /** Lines as they lie there: all, or those of `wanted`. Numbers from `from` on, before `to`; void at the next line. */
  lines(from: number, to: number, wanted: ReadonlySet<number> | null): AsyncIterable<MatrixLine>;
  close(): Promise<void>;
}

export interface MatrixLine {
  readonly index: number;
  readonly name: string | null;
  /** NaN where the value is missing. */
  readonly values: Float64Array;
}
