import { type Command, Option } from "commander";
import type { CommandContext } from "./context.ts";
import {
  asOption,
  capDelta,
  passwordOption,
  positive,
  positiveWhole,
  type Shared,
  type StewardFlags,
  stewardFlags,
  wholeNumber,
  yesOption,
} from "./flags.ts";
import type { MethodOptions, OwnOptions } from "./sanitizeMethod.ts";
import type { ColumnRoles } from "./sanitizeSchema.ts";

interface SanitizeFlags extends StewardFlags, ColumnRoles, OwnOptions, Pick<MethodOptions, "method" | "epsilon"> {
  readonly in: string;
  readonly out?: string;
  readonly schema: string;
  readonly labels: string;
  readonly records?: number;
  readonly dryRun: boolean;
  readonly second?: string;
  readonly secondPasswordFile?: string;
}

/** A data set noised once, under the steward's signature. */
export function addSanitizeCommand(
  program: Command,
  command: (parent: Command, nameAndArguments: string, description: string) => Command,
  context: (options: Shared) => CommandContext,
  stopSignal: () => AbortSignal,
): void {
  command(program, "sanitize", "noise a whole data set into a file, once, and charge it once (steward)")
    .requiredOption("--in <dataset>", "a registered data set, by its name or path; with --dry-run any path")
    .option("--out <file>", "a new file: .npz for arrays, else CSV; FILE.sanitized.json beside it is signed")
    .requiredOption("--schema <file>", "study file, or a schema file alone: its columns' public ranges")
    .option("--label-column <name>", "of a schema file alone: the category column that is the label")
    .option("--patient-column <name>", "of a schema file alone: what tells patients apart; else a record is a patient")
    .option("--split-column <name>", "of a schema file alone: the column with train and test, if there is one")
    .addOption(
      new Option("--method <name>", "how each record is noised, by itself")
        .choices(["dct-laplace", "dct-metric", "pixel-laplace", "projection"])
        .makeOptionMandatory(),
    )
    .requiredOption("--epsilon <number>", "ε of the promise: of a record, a unit of distance, or a pixel", positive)
    .addOption(
      new Option(
        "--promise <what>",
        "what ε is of: any two records (unless told), or a unit of their L2 distance",
      ).choices(["record", "metric"]),
    )
    .option("--coefficients <number>", "of the cosine transform, kept and noised; else 50 at most", positiveWhole)
    .option("--clip <number>", "public bound of a record's norm: L1 for dct-laplace, else L2", positive)
    .option("--first-clip <number>", "a bound of its own for the first coefficient, which is the mean", positive)
    .option("--order <file>", "public order of the columns for the cosine transform: a name on each line")
    .addOption(new Option("--sampler <name>", "of dct-metric; else exact").choices(["exact", "floating-point"]))
    .option("--labels <rule>", "randomised:E (charged), public (two stewards sign) or dropped", "randomised:1")
    .option("--dimensions <number>", "of a projection", positiveWhole)
    .option("--seed <number>", "of a projection, public", wholeNumber)
    .option("--delta <number>", "δ at which a projection's ε is stated; else 1e-5", capDelta)
    .option("--records <number>", "most records of one patient, who pays for so many; else the schema's", positiveWhole)
    .option("--dry-run", "say what it would do and cost; nothing is noised or spent", false)
    .option("--second <name>", "the other steward, where something leaves without a figure for a record")
    .option("--second-password-file <file>", "file with that steward's password (mode 0600); else it is asked for")
    .addOption(asOption())
    .addOption(passwordOption())
    .addOption(yesOption())
    .addHelpText("after", HELP)
    .action(async (options: Shared & SanitizeFlags) => {
      const { sanitizeData } = await import("./sanitize.ts");
      const { labelRuleOf, ownOptions } = await import("./sanitizeMethod.ts");
      const { method, epsilon, second, secondPasswordFile: passwordFile, yes: isSure } = options;
      const { promise, coefficients, clip, firstClip, sampler, dimensions, seed, delta } = options;
      const { order } = options;
      const own = { promise, coefficients, clip, firstClip, sampler, dimensions, seed, order, delta };
      const { labelColumn, patientColumn, splitColumn } = options;
      await sanitizeData(
        context(options),
        {
          ...ownOptions(method, epsilon, own),
          input: options.in,
          out: options.out ?? null,
          schema: options.schema,
          roles: { labelColumn, patientColumn, splitColumn },
          labels: labelRuleOf(options.labels),
          records: options.records,
          isDryRun: options.dryRun,
          steward: stewardFlags(options),
          second: second === undefined ? null : { as: second, passwordFile, isSure },
        },
        stopSignal(),
      );
    });
}

const HELP = `
Which method: dct-laplace and dct-metric keep few coefficients of records whose columns have an order; the table that is
printed first says which takes less noise for the promise. projection is for columns without one. pixel-laplace hides
single pixels, never a picture. Public labels, pixel-laplace, dct-metric without --clip or in floating point have no
figure for a record: two stewards sign for such a disclosure, and no cap is charged for what they sign.

Examples:
  consilium-site sanitize --in heart --out heart.sanitized.csv --schema study.yaml --method dct-laplace --epsilon 2 \\
    --coefficients 10 --clip 4 --labels randomised:1 --dry-run
  consilium-site sanitize --in films --out films.npz --schema films.yaml --method pixel-laplace --epsilon 0.5 \\
    --labels dropped --second "Dr. Koch"`;
