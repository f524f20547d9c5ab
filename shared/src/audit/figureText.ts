import type { Figure } from "./report.ts";

/** "0.512 (0.441 to 0.583)", or why it can't be told. */
export function figureText(figure: Figure): string {
  if (figure.state === "not-resolvable") return `not resolvable (${figure.why})`;
  return `${decimals(figure.value)} (${decimals(figure.low)} to ${decimals(figure.high)})`;
}

export function decimals(rate: number): string {
  return rate.toFixed(3);
}
