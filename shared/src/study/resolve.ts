import { epsilonOfEvents } from "../accountant/convert.ts";
import { Failure } from "../failure/failure.ts";
import type { ModelChoice } from "../model/choice.ts";
import { epsilonText } from "../units/epsilonText.ts";
import type { Digest } from "../units/identity.ts";
import { studyDigest } from "./digest.ts";
import { type DpSgdStudy, isDpSgd, StudyDocument } from "./document.ts";
import { SchemaFile, STUDY_HINTS, StudyFile } from "./file.ts";
import { nearest, parseSource } from "./issues.ts";
import { resolveModel, resolveWeights } from "./modelFile.ts";
import { eventsOf, leastNoiseOf } from "./noise.ts";
import { overspentParts } from "./overspent.ts";
import { type Beside, type ReadBytes, type ReadReference, readBeside } from "./reference.ts";
import { intervalColumn } from "./survivalRule.ts";
import { warningsOf } from "./unwise.ts";
import { type Finding, formatFinding, openYaml, type Path, type YamlSource } from "./yamlSource.ts";

/** A study file's text, and how to read the files that it names. */
export interface StudyText {
  /** Name for messages: as the reader knows the file. */
  readonly file: string;
  readonly text: string;
  /** Text of a file named relative to the study file; throws where it can't be read. */
  readonly readReference: ReadReference;
  /** Bytes of one; a study that names weights needs it. */
  readonly readBytes?: ReadBytes;
}

export interface ResolvedStudy {
  readonly document: StudyDocument;
  readonly digest: Digest;
  /** The weights file that the document names, if any. */
  readonly weights: Uint8Array | null;
  /** σ was left to the accountant. */
  readonly noiseWasAuto: boolean;
  readonly warnings: readonly Finding[];
}

/** A study file that can't become a study; `findings` hold every fault, in the order of the text. */
export class InvalidStudy extends Failure {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super({
      code: "study/invalid",
      kind: "config",
      what: findings.map(formatFinding).join("\n"),
      remedy: "Mend what each line names; consilium schema study prints every key with its meaning.",
    });
    this.findings = findings;
  }
}

/**
 * The signed form of a study file: its schema file read in, `auto` replaced by the least σ that fits, durations in ms.
 * Throws `InvalidStudy` with every fault found; a fixed σ with which the study would pass its ε is one.
 */
export function resolveStudy(input: StudyText): ResolvedStudy {
  const source = openYaml(input.file, input.text);
  const { value: file, findings } = parseSource(source, StudyFile, STUDY_HINTS);
  if (file === null) throw new InvalidStudy(findings);
  const data = resolveData(file, source, input.readReference);
  const { readReference, readBytes = unreadable } = input;
  const start = { contract: data.contract, seed: file.training.initialSeed, readBytes };
  const model = resolveWeights(resolveModel(file.model, source, readReference), start, source);
  refuseIfAny([
    ...notInThisVersion(file, source),
    ...mechanismFaults(file, source),
    ...data.findings,
    ...model.findings,
  ]);
  const open = documentOf({ ...file, model: model.choice }, data.contract, source, data.place);
  refuseIfAny(overspentParts(open, source));
  const document = isDpSgd(open) ? noised(open, resolveNoise(file, open, source)) : open;
  return {
    document,
    digest: studyDigest(document),
    weights: model.weights,
    noiseWasAuto: file.privacy.noiseMultiplier === "auto",
    warnings: [...model.notes, ...warningsOf(document, source)],
  };
}

interface ResolvedData {
  readonly contract: Record<string, unknown>;
  readonly findings: readonly Finding[];
  /** Where a path of the contract's columns or label stands: its file and the path there. */
  readonly place: (path: Path) => { source: YamlSource; path: Path };
}

function resolveData(file: StudyFile, source: YamlSource, readReference: ReadReference): ResolvedData {
  const { schema, columns: inline, label, ...rest } = file.data;
  const none: ResolvedData = { contract: {}, findings: [], place: (path) => ({ source, path }) };
  if ((schema === undefined) === (inline === undefined)) {
    const message = schema === undefined ? "names no columns" : "has both schema and columns";
    return {
      ...none,
      findings: [source.finding("error", ["data"], message, "Give either schema: ./schema.yaml or columns.")],
    };
  }
  const beside = schema === undefined ? { content: source } : openReference(schema, source, readReference);
  const prefix: Path = schema === undefined ? ["data", "columns"] : ["columns"];
  if (beside.content === null) {
    return { ...none, findings: [source.finding("error", ["data", "schema"], beside.message, beside.remedy)] };
  }
  const from = beside.content;
  const parsed =
    schema === undefined ? { value: { columns: inline ?? [] }, findings: [] } : parseSource(from, SchemaFile);
  if (parsed.value === null) return { ...none, findings: parsed.findings };
  const all = parsed.value.columns;
  const labelName = typeof label === "string" ? label : label.name;
  const labelIndex = all.findIndex((column) => column.name === labelName);
  const kept = all.map((_, i) => i).filter((i) => i !== labelIndex);
  const { survival } = rest;
  const contract: Record<string, unknown> = {
    ...rest,
    columns: [...kept.map((i) => all[i]), ...(survival === undefined ? [] : [intervalColumn(survival)])],
    label,
    // A record for each interval, unless the author wrote something else: that is refused with the document.
    ...(survival === undefined || rest.maxRecordsPerPatient > 1 ? {} : { maxRecordsPerPatient: survival.cuts.length }),
  };
  if (typeof label === "string") {
    const column = all[labelIndex];
    if (column?.type !== "category") return { ...none, findings: [unusableLabel(source, label, all)] };
    contract.label = { name: label, values: column.values };
  }
  const place: ResolvedData["place"] = (path) => {
    const [group, index, ...inner] = path;
    if (group === "columns" && typeof index === "number")
      return { source: from, path: [...prefix, kept[index] ?? 0, ...inner] };
    return { source, path: ["data", ...path] };
  };
  return { contract, findings: [], place };
}

function unusableLabel(source: YamlSource, label: string, columns: SchemaFile["columns"]): Finding {
  const known = columns.some((column) => column.name === label);
  const near = nearest(
    label,
    columns.map((column) => column.name),
  );
  const message = known ? `column '${label}' is no category` : `the schema has no column '${label}'`;
  const remedy = near !== null && !known ? `Did you mean '${near}'?` : "A label is a category column with its values.";
  return source.finding("error", ["data", "label"], message, remedy);
}

function openReference(path: string, source: YamlSource, readReference: ReadReference): Beside<YamlSource> {
  const text = readBeside(path, readReference);
  if (text.content === null) return text;
  const slash = source.file.lastIndexOf("/");
  return { content: openYaml(`${source.file.slice(0, slash + 1)}${path.replace(/^\.\//, "")}`, text.content) };
}

function notInThisVersion(file: StudyFile, source: YamlSource): Finding[] {
  const findings: Finding[] = [];
  const refuse = (path: Path, what: string, remedy: string): void => {
    findings.push(source.finding("error", path, `${what} is not in this version`, remedy));
  };
  if (file.privacy.trust === "distributed") refuse(["privacy", "trust"], "distributed", "Use trust: local.");
  file.release.formats.forEach((format, i) => {
    if (format !== "safetensors") refuse(["release", "formats", i], format, "Use formats: [safetensors].");
  });
  return findings;
}

/** Keys that one mechanism needs and the other has no use for. */
function mechanismFaults({ privacy }: StudyFile, source: YamlSource): Finding[] {
  const { mechanism, noiseMultiplier, sanitized } = privacy;
  const fault = (key: string, message: string, remedy: string): Finding[] => [
    source.finding("error", ["privacy", key], message, remedy),
  ];
  if (mechanism === "dp-sgd")
    return [
      ...(noiseMultiplier === undefined
        ? fault("noiseMultiplier", "is missing", STUDY_HINTS["privacy.noiseMultiplier"] ?? "")
        : []),
      ...(sanitized === undefined
        ? []
        : fault("sanitized", "is for mechanism: sanitized", "Remove it, or train on sanitized records.")),
    ];
  return [
    ...(sanitized === undefined
      ? fault("sanitized", "is missing", "Say what sanitized records must promise: {promise: record, epsilon: 20}.")
      : []),
    ...(noiseMultiplier === undefined
      ? []
      : fault("noiseMultiplier", "is for mechanism: dp-sgd", "Remove it: steps on sanitized records get no noise.")),
  ];
}

/** The document with σ = 1 where the file says `auto`; everything else is checked here. */
function documentOf(
  file: Omit<StudyFile, "model"> & { model: ModelChoice | null },
  contract: Record<string, unknown>,
  source: YamlSource,
  place: ResolvedData["place"],
): StudyDocument {
  const { answerAfter, deadline, ...training } = file.training;
  const { every, ...evaluation } = file.evaluation;
  const parsed = StudyDocument.safeParse({
    ...file,
    data: contract,
    privacy: file.privacy.noiseMultiplier === "auto" ? { ...file.privacy, noiseMultiplier: 1 } : file.privacy,
    training: { ...training, answerAfterMs: answerAfter, deadlineMs: deadline ?? Math.max(5 * answerAfter, 5_000) },
    evaluation: { ...evaluation, everyRounds: every },
  });
  if (parsed.success) return parsed.data;
  const findings = parsed.error.issues.map((issue) => {
    const [group, ...inner] = issue.path;
    const at = group === "data" ? place(inner) : { source, path: issue.path.map(fileKey) };
    return at.source.finding("error", at.path, issue.message);
  });
  throw new InvalidStudy(findings);
}

/** The file's word for a key of the document. */
function fileKey(key: PropertyKey): PropertyKey {
  if (key === "deadlineMs") return "deadline";
  if (key === "answerAfterMs") return "answerAfter";
  return key === "everyRounds" ? "every" : key;
}

function noised(open: DpSgdStudy, noiseMultiplier: number): StudyDocument {
  return StudyDocument.parse({ ...open, privacy: { ...open.privacy, noiseMultiplier } });
}

/** σ of the document: the file's own, if the study fits with it, or the least one with which each part does. */
function resolveNoise(file: StudyFile, open: DpSgdStudy, source: YamlSource): number {
  const { epsilon, delta } = open.privacy;
  const { noiseMultiplier } = open.privacy;
  const isAuto = file.privacy.noiseMultiplier === "auto";
  const cost = epsilonOfEvents(eventsOf(open, "train"), delta);
  if (!isAuto && cost <= epsilon) return noiseMultiplier;
  try {
    const least = leastNoiseOf(open, { epsilon, delta });
    if (least === null) throw new InvalidStudy([beyondSampler(open, source)]);
    if (isAuto) return least;
    const message = `each site's training patients would pay ε = ${epsilonText(cost)}, above privacy.epsilon ${epsilon}`;
    const remedy = `Use σ ≥ ${least} or auto, fewer rounds, or a lower audit.epsilon.members.`;
    throw new InvalidStudy([source.finding("error", ["privacy", "noiseMultiplier"], message, remedy)]);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "accounting/unaffordable") throw error;
    throw new InvalidStudy([source.finding("error", ["privacy", "epsilon"], withoutStop(error.message), error.remedy)]);
  }
}

/** Up to here it is δ or the rounds, not ε alone, that ask for less noise than is proven. */
const EPSILON_PROVEN_MAX = 50;

/**
 * (1 + e^ε) times the sampler's tail is added to δ: above ε of 60 or so that is no small number any more. Where δ is
 * large itself, so little noise would do that the sampler isn't proven for it: then δ is what is wrong, not ε.
 */
function beyondSampler({ privacy: { epsilon, delta }, sites }: StudyDocument, source: YamlSource): Finding {
  const fewest = Math.min(...sites.map(({ patients }) => patients));
  if (delta >= 1 / fewest) {
    const message = `δ = ${delta} lets any one patient go unprotected so often that no noise is little enough for it`;
    const remedy = `Use less than 1/${fewest}, one over the smallest site's patients. ${STUDY_HINTS["privacy.delta"]}`;
    return source.finding("error", ["privacy", "delta"], message, remedy);
  }
  if (epsilon <= EPSILON_PROVEN_MAX) {
    const message = `No noise is proven for ε = ${epsilon} at δ = ${delta}: so little would do that the sampler isn't exact enough`;
    return source.finding("error", ["privacy", "epsilon"], message, "Ask for a smaller ε, or a smaller δ.");
  }
  const message = `No noise is proven for ε = ${epsilon}: at such ε the sampler's own distance from the Gaussian passes δ`;
  const remedy = "Ask for ε ≤ 50; above 10 it promises little as it is.";
  return source.finding("error", ["privacy", "epsilon"], message, remedy);
}

function unreadable(): never {
  throw new Error("there is no reader of bytes");
}

function refuseIfAny(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new InvalidStudy(findings);
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
