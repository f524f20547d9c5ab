/** ε to two decimals, never rounded down: 3.731 is "3.74". What a figure promises must hold for what is shown. */
export function epsilonText(epsilon: number): string {
  return (Math.ceil(epsilon * 100 - 1e-9) / 100).toFixed(2);
}

/** δ in powers of ten: "1e-4". */
export function deltaText(delta: number): string {
  const [mantissa = "", exponent = ""] = delta.toExponential(1).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}

/** A rate to three decimals. */
export function rateText(rate: number): string {
  return rate.toFixed(3);
}

export function intervalText({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${rateText(low)} to ${rateText(high)}`;
}

/** "40 s", "3 min", "2 h 5 min": as coarse as people need it. */
export function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** "3 s ago", from two instants in milliseconds. */
export function agoText(then: number, now: number): string {
  return then >= now - 999 ? "just now" : `${durationText(now - then)} ago`;
}

/** An instant as its reader's clock shows it. */
export function instantText(iso: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** Its day alone. */
export function dayText(iso: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(new Date(iso));
}

/** First figures of a digest, enough to tell two apart by eye. */
export function shortDigest(digest: string): string {
  return `${digest.slice(0, 12)}…`;
}
