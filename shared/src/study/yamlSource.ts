import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

/** What is wrong, or unwise, at one place of a file. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `privacy.epsilon`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

export type Path = readonly PropertyKey[];

/** `study.yaml:14:12 privacy.epsilon: must be > 0 (got -3). Typical: 1..8.` */
export function formatFinding(finding: Finding): string {
  const { file, line, column, path, message, remedy } = finding;
  const warning = finding.severity === "warning" ? "warning: " : "";
  const what = `${file}:${line}:${column} ${warning}${path === "" ? "" : `${path}: `}${message}.`;
  return remedy === "" ? what : `${what} ${remedy}`;
}

/** `columns.3.values[0]` is written `columns[3].values[0]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    return text === "" ? String(segment) : `${text}.${String(segment)}`;
  }, "");
}

/** A YAML text with its value and the place of each part of it. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Syntax errors; with any, `value` is `undefined`. */
  readonly findings: readonly Finding[];
  /** Finding at the value of a path; at the nearest part that is there, if it is absent. */
  finding(severity: Finding["severity"], path: Path, message: string, remedy?: string): Finding;
  /** Finding at a key itself. */
  keyFinding(path: Path, key: string, message: string, remedy: string): Finding;
}

/** More than a study with 30,000 described columns needs. */
const TEXT_LENGTH_MAX = 16 * 1024 * 1024;
/** Control characters that no YAML text holds, or bytes that are no UTF-8: a table, an archive, a program. */
const NO_TEXT = /[^\P{Cc}\t\n\r\u0085]|\uFFFD/u;
/** What a message quotes of a file is for orientation. */
const MESSAGE_LENGTH_MAX = 120;
/** YAML aliases can make a small text a huge value. */
const ALIASES_MAX = 100;

export function openYaml(file: string, text: string): YamlSource {
  const lines = new LineCounter();
  const tooLong = text.length > TEXT_LENGTH_MAX;
  const isBinary = !tooLong && NO_TEXT.test(text);
  const document = parseDocument(tooLong || isBinary ? "" : text.replace(/^\uFEFF/, ""), {
    lineCounter: lines,
    prettyErrors: false,
  });
  const findingAt = (
    offset: number,
    path: Path,
    severity: Finding["severity"],
    message: string,
    remedy: string,
  ): Finding => {
    const { line, col } = lines.linePos(offset);
    return {
      severity,
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: formatPath(path),
      message,
      remedy,
    };
  };
  const findings = document.errors.map((error) =>
    findingAt(error.pos[0], [], "error", `is not YAML: ${lowerFirst(error.message)}`, ""),
  );
  if (tooLong)
    findings.push(
      findingAt(0, [], "error", "is longer than any study file", "Give wide data a schema file of their own."),
    );
  if (isBinary) findings.push(findingAt(0, [], "error", "is not a text file", "Name the study file (YAML, UTF-8)."));
  let value: unknown;
  try {
    value = findings.length === 0 ? document.toJS({ maxAliasCount: ALIASES_MAX }) : undefined;
  } catch {
    findings.push(
      findingAt(0, [], "error", `expands to too much: more than ${ALIASES_MAX} aliases`, "Write the parts out."),
    );
  }
  return {
    file,
    value,
    findings,
    finding: (severity, path, message, remedy = "") =>
      findingAt(offsetOf(document, path), path, severity, message, remedy),
    keyFinding: (path, key, message, remedy) =>
      findingAt(keyOffsetOf(document, path, key), [...path, key], "error", message, remedy),
  };
}

type YamlDocument = ReturnType<typeof parseDocument>;

/** Deepest node on the path; the walk stops where the path leaves the document. */
function nodeAt(document: YamlDocument, path: Path): unknown {
  let node: unknown = document.contents;
  for (const segment of path) {
    const next = childOf(document, node, segment);
    if (next === undefined || next === null) break;
    node = next;
  }
  return isAlias(node) ? (node.resolve(document) ?? node) : node;
}

function childOf(document: YamlDocument, node: unknown, segment: PropertyKey): unknown {
  const parent = isAlias(node) ? node.resolve(document) : node;
  if (isSeq(parent)) return typeof segment === "number" ? parent.items[segment] : undefined;
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => keyText(key) === String(segment));
  // A key without a value has its place all the same.
  return pair === undefined ? undefined : (pair.value ?? pair.key);
}

function offsetOf(document: YamlDocument, path: Path): number {
  return startOf(nodeAt(document, path));
}

function keyOffsetOf(document: YamlDocument, path: Path, key: string): number {
  const node = nodeAt(document, path);
  if (!isMap(node)) return startOf(node);
  return startOf(node.items.find((pair) => keyText(pair.key) === key)?.key ?? node);
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function startOf(node: unknown): number {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return 0;
  const start: unknown = node.range[0];
  return typeof start === "number" ? start : 0;
}

function lowerFirst(text: string): string {
  const sentence = text.split("\n")[0]?.replace(/[.:]$/, "") ?? "";
  const short = sentence.length > MESSAGE_LENGTH_MAX ? `${sentence.slice(0, MESSAGE_LENGTH_MAX - 1)}…` : sentence;
  return short.charAt(0).toLowerCase() + short.slice(1);
}

/** A value with another at a path of keys, such as an override from the environment; groups on the way are made. */
export function withValue(whole: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const group = typeof whole === "object" && whole !== null ? Object.fromEntries(Object.entries(whole)) : {};
  return { ...group, [key]: withValue(group[key], rest, value) };
}
