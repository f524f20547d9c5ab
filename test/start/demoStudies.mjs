/** The heart study's file, changed for whoever wants to see refusals: texts by file name, without `.yaml`. */
export function studiesToTry(heart) {
  return {
    /** On the same patients once more: over a cap that was lowered. */
    "heart-again": heart.replace(/^name: .*/m, "name: heart-again"),
    /** Less noise than a site's policy allows; it samples fewer, for no ε is proven for so little noise at 0.2. */
    "too-loud": heart
      .replace(/^name: .*/m, "name: too-loud")
      .replace(/noiseMultiplier: \S+/, "noiseMultiplier: 0.45")
      .replace(/samplingRate: [\d.]+/, "samplingRate: 0.01")
      .replace(/^ {2}epsilon: \S+/m, "  epsilon: 10"),
  };
}
