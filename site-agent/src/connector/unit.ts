/** Units of clinical measurements: codes of The Unified Code for Units of Measure (2.2), and as people write them. */

/** `to = factor · from + offset`. */
export interface Linear {
  readonly factor: number;
  readonly offset: number;
}

/** Of each kind of quantity, what one of a unit is in the first of them. */
const UNITS: Readonly<Record<string, Readonly<Record<string, Linear>>>> = {
  mass: scales({ kg: 1, g: 1e-3, mg: 1e-6, "[lb_av]": 0.45359237, "[oz_av]": 0.028349523125 }),
  length: scales({ cm: 1, m: 100, mm: 0.1, "[in_i]": 2.54, "[ft_i]": 30.48 }),
  temperature: {
    Cel: { factor: 1, offset: 0 },
    "[degF]": { factor: 5 / 9, offset: -160 / 9 },
    K: { factor: 1, offset: -273.15 },
  },
  pressure: scales({ "mm[Hg]": 1, kPa: 760 / 101.325, "cm[H2O]": 0.73555924 }),
  time: scales({ d: 1, h: 1 / 24, min: 1 / 1440, s: 1 / 86_400, wk: 7, mo: 365.25 / 12, a: 365.25 }),
  frequency: scales({ "/min": 1, "/s": 60, Hz: 60 }),
  fraction: scales({ "1": 1, "%": 0.01 }),
  concentration: scales({
    "g/L": 1,
    "g/dL": 10,
    "mg/dL": 1e-2,
    "mg/L": 1e-3,
    "ug/dL": 1e-5,
    "ug/L": 1e-6,
    "ng/mL": 1e-6,
    "ug/mL": 1e-3,
    "mg/mL": 1,
    "pg/mL": 1e-9,
  }),
  amount: scales({ "mol/L": 1, "mmol/L": 1e-3, "umol/L": 1e-6, "nmol/L": 1e-9, "pmol/L": 1e-12 }),
  cells: scales({ "10*9/L": 1, "10*3/uL": 1, "/uL": 1e-3, "10*6/uL": 1000, "10*12/L": 1000 }),
  "HbA1c by IFCC": scales({ "mmol/mol": 1 }),
};

/** g/mol: what turns an amount of a substance into its mass (PubChem; haemoglobin: of its monomer, ICSH). */
export const MOLAR_MASS = {
  cholesterol: 386.65,
  triglycerides: 885.4,
  glucose: 180.156,
  creatinine: 113.12,
  urea: 60.056,
  "urea nitrogen": 28.014,
  "uric acid": 168.11,
  bilirubin: 584.66,
  calcium: 40.078,
  magnesium: 24.305,
  phosphate: 30.974,
  iron: 55.845,
  haemoglobin: 16_114.5,
  "vitamin D": 400.64,
} as const;
export type Substance = keyof typeof MOLAR_MASS;

/** As people write them → as UCUM does. */
const ALIASES: Readonly<Record<string, string>> = {
  lb: "[lb_av]",
  lbs: "[lb_av]",
  oz: "[oz_av]",
  in: "[in_i]",
  inch: "[in_i]",
  ft: "[ft_i]",
  "°C": "Cel",
  C: "Cel",
  degC: "Cel",
  "°F": "[degF]",
  F: "[degF]",
  degF: "[degF]",
  mmHg: "mm[Hg]",
  cmH2O: "cm[H2O]",
  years: "a",
  year: "a",
  months: "mo",
  weeks: "wk",
  days: "d",
  bpm: "/min",
  percent: "%",
};

/** The first is the base of its kind; a unit's own name stands by itself. */
export function unitCode(written: string): string {
  const plain = written
    .trim()
    .replace(/[µμ]/g, "u")
    .replace(/\{[^}]*\}/g, "")
    .replace(/(?<=\/[dmu]?)l$/, "L");
  return ALIASES[plain] ?? plain;
}

/** How values of one unit become those of another; `null` where nothing is known, or the quantities differ. */
export function conversion(from: string, to: string, substance?: Substance): Linear | null {
  const [source, target] = [unitCode(from), unitCode(to)];
  if (source === target) return { factor: 1, offset: 0 };
  // IFCC to NGSP, the master equation (Hoelzel et al. 2004, Clin Chem 50:166).
  if (source === "mmol/mol" && target === "%") return { factor: 0.09148, offset: 2.152 };
  if (source === "%" && target === "mmol/mol") return { factor: 1 / 0.09148, offset: -2.152 / 0.09148 };
  for (const units of Object.values(UNITS)) {
    const [a, b] = [units[source], units[target]];
    if (a !== undefined && b !== undefined) return between(a, b);
  }
  if (substance === undefined) return null;
  const [a, b] = [massConcentration(source, substance), massConcentration(target, substance)];
  return a === null || b === null ? null : between(a, b);
}

/** Whether a unit is in the table. */
export function isKnownUnit(unit: string): boolean {
  return Object.values(UNITS).some((units) => Object.hasOwn(units, unitCode(unit)));
}

function massConcentration(code: string, substance: Substance): Linear | null {
  const amount = UNITS.amount?.[code];
  if (amount !== undefined) return { factor: amount.factor * MOLAR_MASS[substance], offset: 0 };
  return UNITS.concentration?.[code] ?? null;
}

/** By way of the base: b⁻¹ ∘ a. */
function between(a: Linear, b: Linear): Linear {
  return { factor: a.factor / b.factor, offset: (a.offset - b.offset) / b.factor };
}

function scales(factors: Readonly<Record<string, number>>): Readonly<Record<string, Linear>> {
  return Object.fromEntries(Object.entries(factors).map(([unit, factor]) => [unit, { factor, offset: 0 }]));
}
