/** Nine digits: a float32 has no more, and noise far fewer. */
const DIGITS = 9;
/** Bytes of the longest text: a sign, nine digits, a point, and what is around them. */
export const NUMBER_BYTES_MAX = 32;
/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** Between them numbers are written without an exponent. */
const [LEAST, BEYOND] = [1e-6, 1e9];
const [MINUS, POINT, ZERO] = [45, 46, 48];

/** Writes a number as a decimal at `at`, rounded to nine digits, without a string between; returns where it ends. */
export function writeDecimal(value: number, bytes: Uint8Array, at: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude >= LEAST && magnitude < BEYOND))
    return writeText(String(Number(value.toPrecision(DIGITS))), bytes, at);
  let decimals = DIGITS - 1;
  if (magnitude >= 1) while (magnitude >= (POWERS[DIGITS - decimals] ?? 0)) decimals -= 1;
  else while (magnitude * (POWERS[decimals] ?? 0) < BEYOND / 10) decimals += 1;
  let digits = Math.round(magnitude * (POWERS[decimals] ?? 0)) | 0;
  while (decimals > 0 && digits % 10 === 0) {
    digits = (digits / 10) | 0;
    decimals -= 1;
  }
  let end = at;
  if (value < 0) {
    bytes[end] = MINUS;
    end += 1;
  }
  const width = Math.max(digitsOf(digits), decimals + 1);
  const point = end + width - decimals;
  end += width + (decimals > 0 ? 1 : 0);
  for (let place = end - 1; place > point; place--) digits = digitTo(bytes, place, digits);
  if (decimals > 0) bytes[point] = POINT;
  for (let place = point - 1; place >= point - width + decimals; place--) digits = digitTo(bytes, place, digits);
  return end;
}

/** The last digit goes to its place; the others are given back. */
function digitTo(bytes: Uint8Array, place: number, digits: number): number {
  // Below 2³¹, so this is the whole part.
  const rest = (digits / 10) | 0;
  bytes[place] = ZERO + digits - 10 * rest;
  return rest;
}

function digitsOf(whole: number): number {
  let count = 1;
  while (whole >= (POWERS[count] ?? 0)) count += 1;
  return count;
}

function writeText(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}
