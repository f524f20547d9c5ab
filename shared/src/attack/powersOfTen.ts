/**
 * log₁₀ and 10ˣ, correctly rounded. `Math.log10` and `**` may be off in the last bit and differ between engines; the
 * edges of a histogram whose outermost records lie on them then count a record or not by accident of the machine.
 */
export function powerOfTen(exponent: number): number {
  const { mantissa, shift } = fixedPowerOfTen(exponent);
  return Number(mantissa) * 2 ** (shift - BITS);
}

/** For finite x ≥ 1e-300: `Math.log10` with what it misses, from 10^log₁₀ x in fixed point, added. */
export function logOfTen(x: number): number {
  const near = Math.log10(x);
  const { mantissa, shift } = fixedPowerOfTen(near);
  const wanted = BigInt(x * 2 ** -shift * 2 ** EXACT) << BigInt(BITS - EXACT);
  return near + Number(wanted - mantissa) / Number(mantissa) / Math.LN10;
}

const BITS = 192;
/** A double between ½ and 4 is a whole number of these. */
const EXACT = 60;
/** A double's exponent above 2⁻⁴⁰ is a whole number of these; what lies below changes no double. */
const EXPONENT_BITS = 100;
const LN2 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62dn;
const LN10 = 0x24d763776aaa2b05ba95b58ae0b4c28a38a3fb3e76977e43an;

/** 10ˣ = mantissa · 2^(shift − BITS), with the mantissa's value between about ½ and 2. */
function fixedPowerOfTen(exponent: number): { mantissa: bigint; shift: number } {
  const logarithm = (BigInt(Math.round(exponent * 2 ** EXPONENT_BITS)) * LN10) >> BigInt(EXPONENT_BITS);
  const shift = Math.round((exponent * Math.LN10) / Math.LN2);
  const rest = logarithm - BigInt(shift) * LN2;
  // e^rest for |rest| ≤ about ln 2 / 2, by its series.
  let [term, mantissa] = [1n << BigInt(BITS), 0n];
  for (let n = 1n; term !== 0n && n < 200n; n++) {
    mantissa += term;
    term = (term * rest) / (n << BigInt(BITS));
  }
  return { mantissa, shift };
}
