import { type Command, InvalidArgumentError } from "commander";
import { positive } from "./flags.ts";
import type { Output } from "./output.ts";

interface ReportFlags {
  readonly data: string;
  readonly out: string;
  readonly svg?: string;
  readonly order?: string;
  readonly coefficients: readonly number[];
  readonly epsilons: readonly number[];
  readonly clipL1?: number;
  readonly clipL2?: number;
  readonly json?: boolean;
}

/** `data report`: needs no site, no coordinator and no network. */
export function addDataReport(parent: Command, outputOf: (options: ReportFlags) => Output): void {
  parent
    .command("report <study>")
    .description("a page of what a data set holds and what sanitizers would make of it; for local eyes")
    .requiredOption("--data <path>", "data, or a data set's file")
    .requiredOption("--out <file>", "HTML file to write")
    .option("--svg <file>", "the distances alone, as a picture")
    .option("--order <file>", "public order of the columns for the DCT: a text file, a name on each line")
    .option("--coefficients <K,…>", "how many coefficients of the DCT to keep", wholes, [10, 50])
    .option("--epsilons <ε,…>", "privacy parameters to try", positives, [1, 5, 10, 50, 100, 200])
    .option(
      "--clip-l1 <B>",
      "bound on a record's coefficients in L1; without it, for drawing, the data's own",
      positive,
    )
    .option("--clip-l2 <B>", "the same in L2", positive)
    .option("--json", "one JSON value on standard output")
    .addHelpText("after", EXAMPLE)
    .action(async (study: string, { data, out, clipL1, clipL2, ...flags }: ReportFlags) => {
      const { reportData } = await import("./dataReport.ts");
      const bounds = { l1Bound: clipL1, l2Bound: clipL2 };
      await reportData(outputOf({ data, out, ...flags }), { study, data, out, ...flags, ...bounds });
    });
}

const EXAMPLE = `
Missing, clipped and unusable values of each column; the energy that K coefficients keep; how far sanitized records
are from the original ones, by method, K and ε; pictures before and after noise. Exact figures of records: keep it here.
Example:
  consilium-site data report study.yaml --data expression.csv --out report.html --coefficients 20,50 --epsilons 10,50`;

const LIST_MAX = 12;

function positives(text: string): number[] {
  const list = text.split(",").map(positive);
  if (list.length > LIST_MAX) throw new InvalidArgumentError(`must be at most ${LIST_MAX} numbers.`);
  return [...new Set(list)].sort((a, b) => a - b);
}

function wholes(text: string): number[] {
  const list = positives(text);
  if (!list.every(Number.isSafeInteger)) throw new InvalidArgumentError("must be whole numbers, 1 or more.");
  return list;
}
