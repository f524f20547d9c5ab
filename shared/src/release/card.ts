import { figureText } from "../audit/figureText.ts";
import type { AuditReport, GateResult } from "../audit/report.ts";
import type { Evaluation } from "../metric/evaluation.ts";
import { frozenSlots, parameterCount, sizeOf } from "../model/spec.ts";
import type { Normalisation } from "../normalisation/columnScales.ts";
import type { StudyDocument } from "../study/document.ts";
import { type StopReason, stopText } from "../study/earlyStop.ts";
import { modelSpecOfStudy, weightsOfStudy } from "../study/network.ts";
import { columnsOfData } from "../study/survival.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { type GateOverride, overrideText } from "./override.ts";
import { aboutWhom } from "./sanitizedText.ts";
import type { PrivacyStatement } from "./statement.ts";
import { lines, plain, sentence } from "./texts.ts";

/** What a model card tells. */
export interface CardInput {
  readonly document: StudyDocument;
  readonly privacy: PrivacyStatement;
  readonly audit: AuditReport;
  readonly gate: GateResult;
  readonly override?: GateOverride | undefined;
  /** The last noised evaluation, if there was one. */
  readonly evaluation?: Evaluation | undefined;
  readonly stop?: StopReason | undefined;
  readonly normalisation?: Normalisation | undefined;
}

/** README.md: a model card with Hugging Face front matter. */
export function modelCard({
  document,
  privacy,
  audit,
  gate,
  override,
  evaluation,
  stop,
  normalisation,
}: CardInput): string {
  const classes = document.data.label.values.map(String).join(", ");
  return lines(
    ...frontMatter(document),
    "",
    `# ${document.name}`,
    "",
    plain(document.purpose),
    "",
    sentence(
      `Trained across ${privacy.sites.length} hospitals whose records never left them,`,
      privacy.sanitized === undefined
        ? `in ${audit.round} rounds of differentially private gradient descent.`
        : `in ${audit.round} rounds of gradient descent on records that were noised one by one beforehand.`,
      override === undefined
        ? "Released after an audit passed the gate that every site had signed beforehand."
        : "Released although the gate that every site had signed beforehand refused it.",
      ...(stop === undefined ? [] : [stopText(stop), "This is the last model, not that of the best evaluation."]),
    ),
    "",
    ...(override === undefined ? [] : [`> **${plain(overrideText(override))}**`, ""]),
    "## What is promised",
    "",
    promiseLine(privacy),
    `- Membership audit: ${audit.verdict.words} See [AUDIT.md](AUDIT.md). Gate: ${gate.passed ? "passed" : "refused"}.`,
    sentence(
      "- What is promised holds for this folder as signed:",
      "check it with `consilium verify PATH` and the consortium's public key, offline.",
    ),
    "",
    "## How well it works",
    "",
    ...evaluationLines(evaluation),
    "",
    "## Model",
    "",
    sentence(
      `- Architecture: ${document.model.preset}; predicts \`${plain(document.data.label.name)}\` (${plain(classes)})`,
      `from ${columnsOfData(document.data).length} columns named in [study.json](study.json), scaled by the public ranges there.`,
    ),
    ...survivalLines(document),
    ...scaleLines(document, normalisation),
    ...classWeightLines(document),
    ...headLines(document),
    "- Weights: [model/model.safetensors](model/model.safetensors), float32.",
    ...FORMAT_LINES,
    ...startLines(document),
    ...(document.generator === undefined
      ? []
      : [
          "- It is the discriminator that generators of synthetic records learned from: those are in [synthetic](synthetic).",
        ]),
    `- Predict with \`consilium-site predict --release PATH --in FILE --out FILE\`, which verifies first.`,
    "",
    "## Limits",
    "",
    "- Not a medical device: no figure here shows that its use is safe or helps patients.",
    "- It holds for patients like those of the sites that trained it; hold it against your own before use.",
  );
}

/** What the other formats take and give. */
const FORMAT_LINES = [
  sentence(
    "- The same parameters for other runtimes: [model/model.onnx](model/model.onnx) (operator set 13) and",
    "[model/tfjs/model.json](model/tfjs/model.json) (a TF.js graph model).",
    "Both take `features`, [records, inputs] in float32, and give `probabilities`, [records, classes].",
  ),
  sentence(
    "  Inputs stand in the order of the study's columns, in their own units: numbers and arrays as they are, for clipping",
    "and scaling are inside; 1 at a category's value and 0 at its others; a missing value as its fill.",
    "Each file's metadata (`input`, `output`) name every place.",
  ),
];

/** What a probability is of, where the study is of times. */
function survivalLines({ data: { survival } }: StudyDocument): string[] {
  if (survival === undefined) return [];
  return [
    sentence(
      `- Of times (\`${plain(survival.time)}\`), in intervals that end at ${survival.cuts.join(", ")}: the second probability`,
      "is the hazard, the event's share among those who lived up to the interval that the input `interval` names, and no",
      "probability of the event by then. Shares that live on are the product of 1 − hazard over the intervals: `predict` writes",
      "those, and the risk, from a table without any interval.",
    ),
  ];
}

/** Whoever reads a probability must know that the loss leaned to one class. */
function classWeightLines({ data: { label }, training: { classWeights } }: StudyDocument): string[] {
  if (classWeights === undefined) return [];
  const weights = label.values.map((value) => `${plain(String(value))}: ${classWeights[value]}`).join(", ");
  return [
    sentence(
      `- Records' loss counted by their class (${weights}): probabilities lean towards the classes that count more,`,
      "and are no prevalences.",
    ),
  ];
}

/** Which of several heads a file or a prediction has. */
function headLines({ training, sites }: StudyDocument): string[] {
  if (training.heads === undefined) return [];
  return [
    sentence(
      `- The last layer is each site's own, on one common body: \`sites/NAME/…\` in the weights (${sites.map(({ name }) => name).join(", ")}).`,
      "Without a site's name all formats hold the consortium's last layer, which took the steps of all sites' mean gradient and which no",
      "figure here is of: evaluation and audit held each site's own. `predict --site NAME` takes that site's.",
    ),
  ];
}

function promiseLine(privacy: PrivacyStatement): string {
  const { sanitized, guarantee, delta } = privacy;
  if (sanitized === undefined)
    return sentence(
      `- (ε, δ) = (${epsilonText(guarantee.epsilon)}, ${delta}) for each patient,`,
      "under adding or removing one patient with all records: see [PRIVACY.md](PRIVACY.md).",
      ...chargedClause(privacy),
    );
  if (sanitized.epsilon === null)
    return "- **No figure bounds what it tells of a patient**, as sites' stewards signed: see [PRIVACY.md](PRIVACY.md).";
  return sentence(
    `- (ε, δ) = (${epsilonText(sanitized.epsilon)}, ${delta}) for ${aboutWhom(sanitized).replace(/,?$/, ",")}`,
    "what made the sanitized records included,",
    "under replacing one patient's records by nothing: see [PRIVACY.md](PRIVACY.md).",
  );
}

/** The other figure of the same run, where it isn't the promised one. */
function chargedClause({ guarantee, consortium }: PrivacyStatement): string[] {
  const charged = epsilonText(consortium.disjointEpsilon);
  if (guarantee.basis === "spent") return [];
  return consortium.disjointEpsilon <= guarantee.epsilon
    ? [`Really spent: ε = ${charged}.`]
    : [`Against the sites' caps the same run counts as ε = ${charged}, by a looser accountant: there it is said why.`];
}

/** For whoever uses the weights elsewhere: each column's scale in the units of its data. */
function scaleLines({ data }: StudyDocument, normalisation: Normalisation | undefined): string[] {
  if (normalisation === undefined) return [];
  const learnt = normalisation.scales.flatMap(({ column: name, centre, spread, from }) => {
    const column = data.columns.find((known) => known.name === name);
    if (from === "public-range" || column?.type !== "number") return [];
    const half = (column.max - column.min) / 2;
    const [middle, unit] = [column.min + half * (centre + 1), half * spread];
    return [`  - \`${plain(name)}\`: (value − ${shown(middle)}) / ${shown(unit)}, value clipped to its public range`];
  });
  const hidden = normalisation.scales.length - learnt.length;
  return [
    sentence(
      "- Normalised columns, by noised statistics of the training patients (exact figures in the weights' metadata):",
      `${learnt.length} of ${normalisation.scales.length};`,
      `${hidden} stayed as their public range scales them, because noise hid their statistics.`,
    ),
    ...learnt,
  ];
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Where a pretrained model came from, and what of it was left as it was. */
function startLines(document: StudyDocument): string[] {
  const weights = weightsOfStudy(document);
  if (weights === undefined) return [];
  const spec = modelSpecOfStudy(document);
  const trained = `${parameterCount(spec)} parameters were trained and ${sizeOf(frozenSlots(spec))} left as they were`;
  return [`- Started from ${plain(weights.source.file)} (SHA-256 ${weights.source.digest}): ${trained}.`];
}

function frontMatter(document: StudyDocument): string[] {
  return [
    "---",
    "library_name: consilium",
    "pipeline_tag: tabular-classification",
    "tags:",
    "  - federated-learning",
    "  - differential-privacy",
    "  - healthcare",
    `model_name: ${JSON.stringify(document.name)}`,
    "---",
  ];
}

function evaluationLines(evaluation: Evaluation | undefined): string[] {
  if (evaluation === undefined) return ["No metric was computed under this study's privacy budget."];
  const auc = evaluation.auc === undefined ? [] : [`- AUC: ${figureText(evaluation.auc)}`];
  return [
    "From noised histograms over the sites' validation patients; 95 % intervals that hold sampling, noise and binning:",
    "",
    ...auc,
    ...(evaluation.concordance === undefined
      ? []
      : [`- Concordance index, by intervals: ${figureText(evaluation.concordance)}`]),
    ...(evaluation.accuracy === undefined ? [] : [`- Accuracy: ${figureText(evaluation.accuracy)}`]),
  ];
}
