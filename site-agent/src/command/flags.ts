/** Options of the commands: their words, what they accept, and what a command gets of them. */
import { Failure } from "@consilium/shared/failure/failure";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { InvalidArgumentError, Option } from "commander";
import type { z } from "zod";
import type { StewardOptions } from "./context.ts";

/** Options that every command takes. */
export interface Shared {
  readonly data: string;
  readonly json?: boolean;
}

const DEFAULT_FOLDER = "./consilium-site";

export function dataOption(): Option {
  return new Option("--data <dir>", "this site's data folder").env("CONSILIUM_DATA").default(DEFAULT_FOLDER);
}

/** For the command whose `--data` may also mean a file. */
export function folderByDefault(): string {
  return process.env.CONSILIUM_DATA ?? DEFAULT_FOLDER;
}

export function passwordOption(): Option {
  return new Option("--password-file <file>", "file with the steward's password (mode 0600); else it is asked for");
}

export function asOption(): Option {
  return new Option("--as <name>", "who decides, where this site has more than one steward; else the first");
}

export function yesOption(): Option {
  return new Option("--yes", "do not ask whether to go on").default(false);
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("must be a number.");
  return value;
}

export function positive(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError("must be above 0.");
  return value;
}

/** Of things that are counted from 1. */
export function positiveWhole(text: string): number {
  const value = positive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("must be a whole number, 1 or more.");
  return value;
}

export function wholeNumber(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("must be a whole number, 0 or more.");
  return value;
}

export function portNumber(text: string): number {
  const port = number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError("must be a port: 0 to 65535.");
  return port;
}

/** Why somebody decides so: a word at least. */
export function reasonText(text: string): string {
  const reason = text.trim();
  if (reason === "") throw new InvalidArgumentError("must say why.");
  return reason;
}

/** A number that a unit of privacy accepts; commander names the flag and what was given. */
function quantity(schema: z.ZodType<number>, must: string): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!schema.safeParse(value).success) throw new InvalidArgumentError(must);
    return value;
  };
}

export const capEpsilon = quantity(Epsilon, "must be 0 or more; typical: 1 to 8.");
export const capDelta = quantity(
  Delta,
  "must be above 0 and below 1; typical: less than one over the number of patients.",
);

export interface JoinFlags {
  readonly tokenFile?: string;
  readonly steward?: string;
  readonly passwordFile?: string;
}
export interface StewardFlags {
  readonly passwordFile?: string;
  readonly as?: string;
  readonly yes: boolean;
}
export interface ApproveFlags extends StewardFlags {
  readonly dataset?: string;
  readonly sanitized?: string;
}
export interface ReasonFlags extends StewardFlags {
  readonly reason: string;
}
export interface CheckFlags {
  readonly data?: string;
  readonly site?: string;
  readonly study?: string;
  readonly dataset?: string;
  readonly json?: boolean;
}
export interface CapFlags extends StewardFlags {
  readonly epsilon: number;
  readonly delta: number;
  readonly perStudy?: number;
}
/** Which cap, and what it is to be: of the one over all studies what is not named stays. */
export interface ChangeWords {
  readonly epsilon?: number;
  readonly delta?: number;
  readonly perStudy?: number;
  readonly study?: string;
  readonly period?: string;
  readonly lift?: boolean;
}
/** Of `budget raise` and `lower`. */
export interface ChangeFlags extends StewardFlags, ChangeWords {
  readonly reason: string;
}

export function stewardFlags({ passwordFile, as, yes }: StewardFlags): StewardOptions {
  return { passwordFile, as, isSure: yes };
}

export function noToken(): Failure {
  return new Failure({
    code: "join/no-token",
    kind: "usage",
    what: "No token was given.",
    remedy: "consilium-site join TOKEN, or --token-file FILE.",
  });
}

export function notOneStudy(): Failure {
  return new Failure({
    code: "study/not-named",
    kind: "usage",
    what: "Either a study file and its data are needed, or the name of a study that was proposed.",
    remedy: "consilium-site study check FILE --data CSV, or study check --study NAME --dataset NAME --data DIR.",
  });
}
