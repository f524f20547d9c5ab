/**
 * Probabilities that models give the true class: of records x under question and of public population records z, by the
 * model under attack and by reference models. Population records are in no reference model.
 */
export interface ReferenceProbabilities {
  readonly target: readonly number[];
  /** [reference model][record] */
  readonly references: readonly (readonly number[])[];
  readonly isIn: readonly (readonly boolean[])[];
  readonly targetOfPopulation: readonly number[];
  readonly referencesOfPopulation: readonly (readonly number[])[];
}

/**
 * RMIA, offline: share of population records z that x dominates, LR(x, z) = (p(x|θ) / p(x)) / (p(z|θ) / p(z)) ≥ γ:
 * Zarifzadeh, Liu & Shokri 2024, arXiv:2312.03262, pairwise ratios. p(x) comes from reference models without x alone,
 * corrected for those that would have it: p(x) = ((1 + a) p_out(x) + 1 − a) / 2 (its appendix on offline p(x)), and
 * p(z) alike. Means are over all reference models.
 */
export function offlineRelativeScores(probabilities: ReferenceProbabilities, a: number, gamma: number): number[] {
  const corrected = (meanOut: number) => ((1 + a) * meanOut + (1 - a)) / 2;
  const { target, targetOfPopulation } = probabilities;
  const ratios = target.map((own, record) => ratioOf(own, corrected(meanOver(probabilities, record, false))));
  const population = targetOfPopulation.map((own, record) =>
    ratioOf(own, corrected(populationMean(probabilities, record))),
  );
  return dominances(ratios, population, gamma);
}

/** RMIA, online: p(x) is the mean of p_in(x) and p_out(x), p(z) the mean over reference models. */
export function onlineRelativeScores(probabilities: ReferenceProbabilities, gamma: number): number[] {
  const { target, targetOfPopulation } = probabilities;
  const ratios = target.map((own, record) => {
    const [inside, outside] = [meanOver(probabilities, record, true), meanOver(probabilities, record, false)];
    return ratioOf(own, (inside + outside) / 2);
  });
  const population = targetOfPopulation.map((own, record) => ratioOf(own, populationMean(probabilities, record)));
  return dominances(ratios, population, gamma);
}

function dominances(ratios: readonly number[], population: readonly number[], gamma: number): number[] {
  return ratios.map((ratio) => population.filter((other) => ratio >= gamma * other).length / population.length);
}

/** 0 where the model gives it no probability, whatever the references say. */
function ratioOf(own: number, reference: number): number {
  return own === 0 ? 0 : own / reference;
}

/** Mean probability of record x over the reference models with it, or over those without it. */
function meanOver({ references, isIn }: ReferenceProbabilities, record: number, wanted: boolean): number {
  return mean(
    references.flatMap((probabilities, model) =>
      isIn[model]?.[record] === wanted ? [probabilities[record] ?? Number.NaN] : [],
    ),
  );
}

function populationMean({ referencesOfPopulation }: ReferenceProbabilities, record: number): number {
  return mean(referencesOfPopulation.map((probabilities) => probabilities[record] ?? Number.NaN));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
