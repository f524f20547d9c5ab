/** Figures computed on another machine or Node version may differ in their last digits: logarithms are not exact. */
const RELATIVE_TOLERANCE = 1e-9;

/** Whether two JSON values are the same but for the last digits of numbers. */
export function nearlyEqual(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") {
    return a === b || Math.abs(a - b) <= RELATIVE_TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, index) => nearlyEqual(value, b[index]));
  }
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
    return (
      left.size === right.size &&
      [...left].every(([key, value]) => right.has(key) && nearlyEqual(value, right.get(key)))
    );
  }
  return a === b;
}
