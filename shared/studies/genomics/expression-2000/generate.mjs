/**
 * Writes data/hospital-1.npz to hospital-5.npz, 10 MB each: 2,000 made-up tumours of six subtypes with 25,160 genes,
 * the size of METABRIC's expression matrix, which nobody may hand on. Nobody is in them.
 * `node shared/studies/genomics/expression-2000/generate.mjs` gives the same bytes everywhere.
 *
 * Genes stand in a public order, as along chromosomes. A subtype raises or lowers stretches of neighbouring genes (its
 * modules) by 0.8 of log2 on average; each tumour has its subtype's modules at a strength of its own, each hospital
 * shifts some stretches of all its tumours; every value has noise of 1 in log2, and stands in 255 steps from 4 to 16.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npy, texts, zipOf } from "../npz.mjs";

const [GENES, TUMOURS, HOSPITALS] = [25_160, 400, 5];
const SUBTYPES = ["Basal", "Her2", "LumA", "LumB", "Normal", "claudin-low"];
/** Cumulated shares, as in METABRIC. */
const SHARES = [0.105, 0.22, 0.58, 0.82, 0.895, 1];
const [MODULES, MODULE_GENES] = [60, 90];
const STEPS = 255 / 12;

/** A public generator of 32 bits (Weyl sequence and two multiplications): the same numbers on every platform. */
function uniformsOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Sum of four uniforms, of deviation 1: nearly normal. */
const normalOf = (uniform) => () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);

const uniform = uniformsOf(2026);
const normal = normalOf(uniform);
const base = Float64Array.from({ length: GENES }, () => Math.max(5, Math.min(13, 8 + 1.5 * normal())));
const modules = SUBTYPES.map(() => stretches(MODULES, 0.8));
mkdirSync(join(import.meta.dirname, "data"), { recursive: true });
for (let hospital = 1; hospital <= HOSPITALS; hospital++) {
  const shift = stretches(20, 0.5);
  const [expression, subtypes, split] = [Buffer.alloc(TUMOURS * GENES), [], []];
  for (let tumour = 0; tumour < TUMOURS; tumour++) {
    const drawn = uniform();
    const subtype = SHARES.findIndex((share) => drawn < share);
    const strength = 0.6 + 0.8 * uniform();
    for (let gene = 0; gene < GENES; gene++) {
      const value = base[gene] + strength * modules[subtype][gene] + shift[gene] + normal();
      expression[tumour * GENES + gene] = Math.max(0, Math.min(255, Math.round((value - 4) * STEPS)));
    }
    subtypes.push(SUBTYPES[subtype]);
    split.push(tumour % 5 === 0 ? "test" : "train");
  }
  const arrays = {
    expression: npy("|u1", [TUMOURS, GENES], expression),
    subtype: texts(subtypes),
    split: texts(split),
  };
  writeFileSync(join(import.meta.dirname, "data", `hospital-${hospital}.npz`), zipOf(arrays));
}

/** Changes of all genes: zero but in stretches of neighbours. */
function stretches(count, size) {
  const change = new Float64Array(GENES);
  for (let i = 0; i < count; i++) {
    const from = Math.floor(uniform() * (GENES - MODULE_GENES));
    const amount = size * (uniform() < 0.5 ? -1 : 1) * (0.5 + uniform());
    for (let gene = from; gene < from + MODULE_GENES; gene++) change[gene] += amount;
  }
  return change;
}
