import { auditShape, type NoisedHistogram } from "../audit/histogram.ts";
import { aggregateBits } from "../contribution/grid.ts";
import { packedBytes } from "../contribution/pack.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { studyEvaluationShape } from "../metric/evaluation.ts";
import { parameterCount } from "../model/spec.ts";
import { normalisedColumns, statisticsCount } from "../normalisation/rule.ts";
import { STATISTIC_STEPS } from "../normalisation/statistics.ts";
import type { StudyDocument } from "../study/document.ts";
import { referenceRounds, referenceStudy } from "../study/modelLines.ts";
import { aggregatedAs, gridOfStudy, modelSpecOfStudy, weightsOfStudy } from "../study/network.ts";
import { aggregateValuesOf } from "../study/siteHeads.ts";
import type { Traffic } from "./plan.ts";

/**
 * Bytes that one site sends and receives: packed vectors of the study's real grid, to the byte, and its histograms as
 * JSON with counts of usual length. Each step's aggregate goes down once, with the announcement that follows it.
 */
export function trafficOf(document: StudyDocument): Traffic {
  const { sites, training, evaluation, audit, data } = document;
  const grid = gridOfStudy(document);
  const bitsDown = aggregateBits(grid.bits, aggregatedAs(document, sites.length));
  const [trainUp, trainDown] = [
    packedBytes(grid.dimension, grid.bits),
    packedBytes(aggregateValuesOf(document), bitsDown),
  ];
  const patients = Math.max(...sites.map((site) => site.patients));
  const scores = histogram(studyEvaluationShape({ data, evaluation }), evaluation.epsilon, patients);
  const evaluateUp = jsonBytes({ purpose: "evaluate", histogram: scores });
  const attacks = audit.attacks.map((attack) => {
    const shape = auditShape(document, attack);
    return {
      attack,
      members: histogram(shape, audit.epsilon.members, patients),
      nonMembers: histogram(shape, audit.epsilon.nonMembers, patients),
    };
  });
  const auditUp = jsonBytes({ purpose: "audit", attacks });
  const weightsDown = weightsOfStudy(document)?.bytes ?? 0;
  const evaluations = Math.floor(training.rounds / evaluation.everyRounds);
  const normaliseUp = statisticsBytes(document, patients);
  const references = referenceBytes(document);
  const totalUp = normaliseUp + references.up + training.rounds * trainUp + evaluations * evaluateUp + auditUp;
  const totalDown = weightsDown + references.down + training.rounds * trainDown;
  return {
    parameters: grid.dimension,
    bitsUp: grid.bits,
    bitsDown,
    trainUp,
    trainDown,
    normaliseUp,
    referencesUp: references.up,
    referencesDown: references.down,
    evaluateUp,
    auditUp,
    weightsDown,
    totalUp,
    totalDown,
    allSites: sites.length * (totalUp + totalDown),
  };
}

/** Each step's sum and aggregate; and each reference model as a file, at its start and for the audit. */
function referenceBytes(document: StudyDocument): { readonly up: number; readonly down: number } {
  const { references } = document.audit;
  if (references === undefined) return { up: 0, down: 0 };
  const { dimension, bits } = gridOfStudy(referenceStudy(document, 1));
  const file = parameterCount(modelSpecOfStudy(document)) * Float32Array.BYTES_PER_ELEMENT;
  const steps = referenceRounds(document);
  return {
    up: steps * packedBytes(dimension, bits),
    down:
      steps * packedBytes(dimension, aggregateBits(bits, aggregatedAs(document, document.sites.length))) +
      2 * references.models * file,
  };
}

/** Sums of usual length: patients in each bin, or patients in the steps of a sum. */
function statisticsBytes({ normalisation, data }: StudyDocument, patients: number): number {
  if (normalisation === undefined) return 0;
  const usual =
    normalisation.by === "quantiles" ? Math.round(patients / normalisation.bins) : patients * STATISTIC_STEPS;
  const count = statisticsCount(normalisation, normalisedColumns(normalisation, data).length);
  return jsonBytes({ purpose: "normalise", sums: new Array<number>(count).fill(usual) });
}

/** One as long as a site's will be, more or less: its patients spread evenly over the bins. */
function histogram(shape: { classes: number; bins: number }, epsilon: number, patients: number): NoisedHistogram {
  const cells = shape.classes * shape.bins;
  return { ...shape, counts: new Array<number>(cells).fill(Math.round(patients / cells)), scale: 1 / epsilon };
}

/** Everything in it is ASCII. */
function jsonBytes(value: unknown): number {
  return canonicalJson(value).length;
}
