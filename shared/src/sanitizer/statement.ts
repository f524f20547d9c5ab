import { epsilonOfEvents } from "../accountant/convert.ts";
import { hasRecordFigure, recordEpsilon } from "../accountant/recordEpsilon.ts";
import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import type { LabelRule } from "./method.ts";

/** A bound on what tells two things apart. */
export interface Figure {
  readonly epsilon: number;
  /** 0: pure ε. */
  readonly delta: number;
}

/** What sanitized records promise, whichever promises are proven; null is "no such promise", never a small one. */
export interface SanitizerStatement {
  /** One record replaced by any other, its label included where that was noised. */
  readonly record: Figure | null;
  /** All records of a patient replaced. */
  readonly patient: Figure | null;
  /** For each unit of L2 distance of two records, as they were scaled, clipped and rounded; without the label. */
  readonly metric: { readonly epsilonPerDistance: number; readonly isProven: boolean } | null;
  /** One pixel changed; `wholePicture` is what all pixels come to by composition, and no promise of any use. */
  readonly pixel: { readonly epsilon: number; readonly pixels: number; readonly wholePicture: number } | null;
  readonly labels: LabelRule["label"];
  /** False: an unprotected disclosure that two stewards sign, never to be charged to a cap. */
  readonly isBounded: boolean;
  /** The same in words, for everyone who is shown the figures. */
  readonly sentences: readonly string[];
}

/** What a sanitizer's events promise; δ is what a Gaussian's figure is stated at. Nothing noised promises all. */
export function statementOf(
  events: readonly PricedEvent[],
  labels: LabelRule["label"],
  delta: number,
): SanitizerStatement {
  assert(
    events.every(({ adjacency }) => adjacency !== "add-remove"),
    "a sanitizer's neighbours have as many patients as each other",
  );
  const isBounded = events.every(hasRecordFigure);
  const one = events.map((event): PricedEvent => ({ ...event, count: 1 }));
  const figures: Omit<SanitizerStatement, "sentences"> = {
    record: isBounded ? figureOf(one, delta) : null,
    patient: isBounded ? figureOf(events, delta) : null,
    metric: one.map(metricOf).find((promise) => promise !== null) ?? null,
    pixel: one.map(pixelOf).find((promise) => promise !== null) ?? null,
    labels,
    isBounded,
  };
  return { ...figures, sentences: sentencesOf(figures) };
}

function figureOf(events: readonly PricedEvent[], delta: number): Figure {
  let pure = 0;
  for (const event of events) {
    if (event.kind !== "metric" && event.kind !== "record-laplace" && event.kind !== "randomised-response") {
      return { epsilon: epsilonOfEvents(events, delta), delta };
    }
    pure += event.count * recordEpsilon(event);
  }
  return { epsilon: pure, delta: 0 };
}

function metricOf(event: PricedEvent): SanitizerStatement["metric"] {
  if (event.kind === "metric") {
    return { epsilonPerDistance: event.epsilonPerDistance, isProven: event.sampler === "exact" };
  }
  if (event.kind !== "record-laplace") return null;
  // ‖·‖₁ ≤ √K·‖·‖₂ (Cauchy & Schwarz).
  return { epsilonPerDistance: Math.sqrt(event.coordinates) / (event.scale * event.step), isProven: true };
}

function pixelOf(event: PricedEvent): SanitizerStatement["pixel"] {
  if (event.kind !== "pixel-laplace") return null;
  const epsilon = event.sensitivity / event.scale;
  return { epsilon, pixels: event.pixels, wholePicture: epsilon * event.pixels };
}

function sentencesOf({
  record,
  patient,
  metric,
  pixel,
  labels,
}: Omit<SanitizerStatement, "sentences">): readonly string[] {
  return [
    ...(record === null || patient === null ? [NO_RECORD] : [recordSentence(record, patient)]),
    ...(metric === null ? [] : [metricSentence(metric)]),
    ...(pixel === null ? [] : [pixelSentence(pixel), PICTURES]),
    LABELS[labels],
    COUNTS,
  ];
}

const NO_RECORD =
  "No figure holds for a record: this is an unprotected disclosure, to be signed by two stewards; of its features no cap is charged.";
const PICTURES =
  "It gives no meaningful protection of who is in the picture, and pictures that a model is asked about are not protected.";
const COUNTS = "How many records there are, and how many each patient has, is public.";
const LABELS: Readonly<Record<LabelRule["label"], string>> = {
  randomised: "Labels are answers at random, and are counted in every figure for a record.",
  public: "Labels leave as they are, declared public by signature: every promise is for the features alone.",
  dropped: "Labels are left out.",
};

function recordSentence(record: Figure, patient: Figure): string {
  return `Any two records are told apart by at most ${worded(record)}, a patient's records together by ${worded(patient)}.`;
}

function metricSentence({ epsilonPerDistance, isProven }: NonNullable<SanitizerStatement["metric"]>): string {
  const promise = `Two records' features at L2 distance t, as clipped, are told apart by ε = ${short(epsilonPerDistance)}·t`;
  return isProven ? `${promise} at most.` : `${promise}: meant, not proven, as its noise is drawn in floating point.`;
}

function pixelSentence({ epsilon, pixels, wholePicture }: NonNullable<SanitizerStatement["pixel"]>): string {
  const one = `Hides a change of one pixel at ε = ${short(epsilon)}, of m pixels at m times that`;
  return `${one}: a picture of ${pixels} pixels comes to ε = ${short(wholePicture)}.`;
}

function worded({ epsilon, delta }: Figure): string {
  return delta === 0 ? `ε = ${short(epsilon)}` : `ε = ${short(epsilon)} at δ = ${delta}`;
}

/** Rounded up: a figure in words is never less than the figure. */
function short(epsilon: number): string {
  if (epsilon === 0 || !Number.isFinite(epsilon)) return String(epsilon);
  const unit = 10 ** (Math.floor(Math.log10(epsilon)) - 4);
  return String(Number((Math.ceil((epsilon / unit) * (1 - 1e-12)) * unit).toPrecision(5)));
}
