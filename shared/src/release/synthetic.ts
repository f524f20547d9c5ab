import { parquetWriteBuffer } from "hyparquet-writer";
import { figureText } from "../audit/figureText.ts";
import type { AuditReport } from "../audit/report.ts";
import { Failure } from "../failure/failure.ts";
import type { GeneratorChoice } from "../generator/choice.ts";
import { type ChosenGenerator, releasedTable } from "../generator/released.ts";
import type { SyntheticTable } from "../generator/table.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { SYNTHETIC_PATHS } from "./manifest.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import type { PrivacyStatement } from "./statement.ts";
import { lines, plain, sentence } from "./texts.ts";

/** What the synthetic part of a release is made of. */
export interface SyntheticInputs {
  readonly document: StudyDocument;
  readonly choice: GeneratorChoice;
  /** In the choice's order. */
  readonly generators: readonly ChosenGenerator[];
  readonly audit: Pick<AuditReport, "verdict" | "utility">;
  readonly privacy: Pick<PrivacyStatement, "guarantee" | "delta" | "sites">;
}

/** Synthetic records as CSV and Parquet, their card, and the generators: the same inputs give the same bytes. */
export function syntheticFiles(inputs: SyntheticInputs): ReadonlyMap<string, Uint8Array> {
  const { document, generators } = inputs;
  const table = releasedTable(document, generators);
  return new Map([
    [SYNTHETIC_PATHS.records, new TextEncoder().encode(csvText(table))],
    [SYNTHETIC_PATHS.parquet, parquetBytes(table)],
    [SYNTHETIC_PATHS.card, new TextEncoder().encode(dataCard(inputs, table))],
    [SYNTHETIC_PATHS.generators, generatorsFile(generators)],
  ]);
}

/** Flat parameters of each chosen generator, in the order of the choice. */
function generatorsFile(generators: readonly ChosenGenerator[]): Uint8Array {
  const tensors = generators.map(({ round, parameters }) => {
    return { name: `${NAME}${round}`, shape: [parameters.length], values: parameters };
  });
  return encodeSafetensors({ tensors, metadata: { holds: "generators" } });
}

const NAME = "after-round-";

export function readGenerators(bytes: Uint8Array): readonly ChosenGenerator[] {
  return decodeSafetensors(bytes).tensors.map(({ name, values }) => {
    const round = Number(name.slice(NAME.length));
    if (name !== `${NAME}${round}`) throw malformed(name);
    return { round, parameters: values };
  });
}

/** RFC 4180, a header first; a missing value is an empty cell. */
export function csvText({ columns, rows }: SyntheticTable): string {
  const line = (cells: readonly (string | number | null)[]): string =>
    cells.map((value) => quoted(value === null ? "" : String(value))).join(",");
  return `${[columns, ...rows].map(line).join("\n")}\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** A column of numbers alone becomes DOUBLE, any other STRING; missing values are null. */
export function parquetBytes({ columns, rows }: SyntheticTable): Uint8Array {
  const columnData = columns.map((name, index) => {
    const values = rows.map((row) => row[index] ?? null);
    if (values.every((value) => value === null || typeof value === "number"))
      return { name, data: values, type: "DOUBLE" as const, nullable: true };
    const data = values.map((value) => (value === null ? null : String(value)));
    return { name, data, type: "STRING" as const, nullable: true };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** A data card with Hugging Face front matter. */
function dataCard({ document, choice, audit, privacy }: SyntheticInputs, { rows, columns }: SyntheticTable): string {
  const { guarantee, delta } = privacy;
  const { generator, data } = document;
  return lines(
    "---",
    `pretty_name: ${JSON.stringify(`${document.name}, synthetic`)}`,
    "tags:",
    "  - synthetic",
    "  - differential-privacy",
    "  - healthcare",
    "configs:",
    "  - config_name: default",
    "    data_files: records.parquet",
    "---",
    "",
    `# Synthetic records of ${document.name}`,
    "",
    sentence(
      `${rows.length} records of ${columns.length} columns, none of which is a patient's: made by`,
      `${choice.picked.length === 1 ? "a generator" : `${choice.picked.length} generators`} that learned from noised sums`,
      `of ${privacy.sites.length} hospitals.`,
    ),
    plain(document.purpose),
    "",
    "## What is promised",
    "",
    sentence(
      `- (ε, δ) = (${epsilonText(guarantee.epsilon)}, ${delta}) for each patient of the study, of training, choice and audit`,
      "together: whatever is made of these records keeps it. See [PRIVACY.md](../PRIVACY.md).",
    ),
    sentence(
      `- Membership audit: ${audit.verdict.words} See [AUDIT.md](../AUDIT.md).`,
      "The attack closest-record is on these records; all others are on the discriminator, which is released beside them.",
    ),
    "",
    "## What they are good for",
    "",
    ...utilityLines(audit),
    "- How columns are spread, move together and change over time, held against your own patients, at home:",
    "  `consilium audit synthetic --help`.",
    "",
    "## How they were made",
    "",
    sentence(
      `- An AC-GAN's generator (latent ${generator?.latent}, hidden ${generator?.hidden.join(", ")}) was trained for`,
      `${choice.round} rounds against a discriminator that alone saw patients, each clipped, all noised.`,
    ),
    sentence(
      `- Of ${choice.rounds.length} generators kept on the way the sites picked, by the exponential mechanism, those whose`,
      "records teach a classifier most about their validation patients: those after rounds",
      `${choice.picked.map(({ round }) => round).join(", ")}. Each made as many records as another.`,
    ),
    sentence(
      `- Classes (\`${plain(data.label.name)}\`) have public shares,`,
      `${generator?.labels === undefined ? "all alike" : generator.labels.join(", ")}: not those of the patients.`,
    ),
    "- The generators and the noise are public: `consilium verify` makes every record again.",
    "",
    "## Limits",
    "",
    "- A synthetic record is nobody's: conclusions about patients need patients. Rare values are the least faithful.",
    "- Numbers are rounded to four digits of their public range; what lay outside of it was clipped to it.",
  );
}

function utilityLines({ utility }: SyntheticInputs["audit"]): readonly string[] {
  if (utility === undefined) return [];
  const { auc, accuracy } = utility.evaluation;
  return [
    sentence(
      "- A logistic regression trained on them alone, tried on real patients of the audit part (noised histograms, 95 %",
      `intervals): accuracy ${figureText(accuracy)}${auc === undefined ? "" : `, AUC ${figureText(auc)}`}.`,
    ),
  ];
}

function malformed(name: string): Failure {
  return new Failure({
    code: "release/generators-malformed",
    kind: "refused",
    what: `The generators' file holds ${name}, which is no generator after a round.`,
    remedy: "Get the release again from its publisher and verify it.",
  });
}
