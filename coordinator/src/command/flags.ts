/** What options of the commands accept; commander names the flag and what was given. */
import { InvalidArgumentError } from "commander";

export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError("must be a number above 0.");
  return value;
}

/** Of things that are counted from 1. */
export function positiveWhole(text: string): number {
  const value = positive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("must be a whole number above 0.");
  return value;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("must be a whole number, 0 or more.");
  return value;
}

/** A share of the patients, drawn for each round. */
export function samplingRate(text: string): number {
  const value = positive(text);
  if (value > 1) throw new InvalidArgumentError("must be above 0 and at most 1.");
  return value;
}
