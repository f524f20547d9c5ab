import { patientPart } from "../clipping/patientPart.ts";
import { unreachable } from "../failure/failure.ts";
import { type DpSgdStudy, isDpSgd, type StudyDocument } from "../study/document.ts";

/** What touched patients' records, a paragraph for each kind of round. */
export function mechanismsOf(document: StudyDocument): string[] {
  const { members, nonMembers } = document.audit.epsilon;
  const training = isDpSgd(document) ? noisedSteps(document) : ON_SANITIZED;
  const metrics = [
    "Metrics: histogram of scores on the validation part with discrete Laplace noise,",
    `pure ε = ${document.evaluation.epsilon} each.`,
  ];
  const audit = [
    "Audit: one histogram of scores for each attack with discrete Laplace noise,",
    `pure ε = ${members} on training patients and ${nonMembers} on the audit hold-out.`,
  ];
  return [
    ...scaling(document),
    ...references(document),
    ...shadow(document),
    training,
    ...generating(document),
    metrics,
    audit,
  ].map((clauses) => clauses.join(" "));
}

/** Nothing where the public ranges alone scale the columns. */
function scaling({ normalisation }: StudyDocument): readonly (readonly string[])[] {
  if (normalisation === undefined) return [];
  return [
    [
      `Normalisation: ${normalisation.by === "quantiles" ? "counts in public bins" : "a count, sums and sums of squares"}`,
      "of the training patients, each of whom counts once, once before training;",
      `every site adds Gaussian noise of ${normalisation.noiseMultiplier} times what one patient moves them.`,
    ],
  ];
}

/** Nothing where no attack is learnt. */
function shadow({ audit: { shadow: rule } }: StudyDocument): readonly (readonly string[])[] {
  if (rule === undefined) return [];
  return [
    [
      "Shadow: the last reference model's outputs in one histogram of the reference part, who trained it, and one of the",
      `validation part, with discrete Laplace noise, pure ε = ${rule.epsilon.members} and ${rule.epsilon.nonMembers};`,
      "attacks are learnt from those counts alone.",
    ],
  ];
}

/** Nothing where the audit compares with no other models. */
function references({ audit: { references: rule }, privacy }: StudyDocument): readonly (readonly string[])[] {
  if (rule === undefined) return [];
  return [
    [
      `Reference models of the audit: ${rule.models}, each by ${rule.rounds} rounds of DP-SGD on the reference part alone;`,
      `each of its patients joins a step with probability ${rule.samplingRate ?? privacy.samplingRate};`,
      `every site adds Gaussian noise of ${rule.noiseMultiplier} times the clipping norm by itself.`,
      "They are not part of this release.",
    ],
  ];
}

/** Nothing where no records are made. */
function generating({ generator, audit }: StudyDocument): readonly (readonly string[])[] {
  if (generator === undefined) return [];
  return [
    [
      "Synthetic records: what is trained on patients is a discriminator; generators learn from it alone, which is",
      "post-processing. Which of them make records each site picks by the exponential mechanism,",
      `${generator.best} picks of pure ε = ${generator.epsilon} each on the validation part.`,
      `A classifier of those records is tried on the audit hold-out: one histogram, pure ε = ${audit.epsilon.nonMembers}.`,
    ],
  ];
}

const ON_SANITIZED: readonly string[] = [
  "Training: on records that every site noised one by one beforehand, and was charged for then.",
  "What is computed from them alone is post-processing: steps have no noise of their own and cost nothing.",
  "No original record is read but for metrics and the audit.",
];

function noisedSteps(document: DpSgdStudy): readonly string[] {
  const { noiseMultiplier, samplingRate } = document.privacy;
  const { localSteps } = document.training;
  return [
    `Training: DP-SGD. Each patient joins a step with probability ${samplingRate};`,
    clippingOf(document),
    `every site adds Gaussian noise of ${noiseMultiplier} times that norm by itself before anything leaves it.`,
    ...(localSteps > 1 ? [`A round is ${localSteps} such steps at each site, each with noise of its own.`] : []),
  ];
}

/** What the noise is measured by: the norm that one patient's part of a contribution has at most. */
function clippingOf({ privacy }: StudyDocument): string {
  const { clipping, clippingNorm } = privacy;
  switch (clipping.mode) {
    case "flat":
      return `all of a patient's gradients together are clipped to norm ${clippingNorm};`;
    case "per-layer":
      return `a patient's gradient is clipped layer by layer, to norm ${clippingNorm} over all layers;`;
    case "automatic":
      return `every patient's gradient is normalised, to norm ${clippingNorm} at most;`;
    case "adaptive":
      return (
        `gradients are clipped to a norm that follows a quantile of theirs (${clipping.quantile}); scaled to the signed ` +
        `${clippingNorm} and with the count of those below it, a patient's part has norm ${patientPart(privacy, 0).norm};`
      );
    default:
      return unreachable(clipping);
  }
}
