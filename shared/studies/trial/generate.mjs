/**
 * Writes data/*.csv: 6,502 made-up participants of a blood pressure trial like SPRINT, whose own records need a data
 * agreement. Nobody is in them. `node shared/studies/trial/generate.mjs` gives the same bytes everywhere.
 *
 * Means and deviations follow what the SPRINT Research Group published (NEJM 2015, doi:10.1056/NEJMoa1511939): at the
 * start 140 (15.6) / 78 (12) mmHg and 1.8 drugs in both arms; then 121.5 / 68.7 mmHg with 2.8 drugs under the
 * intensive target of < 120 mmHg, 134.6 / 76.3 mmHg with 1.8 under the standard one of < 140 mmHg. How a participant
 * comes from one to the other is made up: drugs are added while the target is missed, and each lowers the systolic
 * pressure by about 10 mmHg.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";

const VISITS = 12;
const HOSPITALS = [
  ["alder", 2100],
  ["birch", 1600],
  ["cedar", 1300],
  ["dogwood", 900],
  ["elm", 602],
];
const TARGET = { intensive: 120, standard: 140 };
/** How readily a drug is added above the target, and taken away 10 mmHg below it. */
const RAISED = { intensive: 0.3, standard: 0.25 };
const LOWERED = { intensive: 0.35, standard: 0.33 };

/** Uniforms in (0, 1) from a name: SHA-256 of it and a counter. */
function uniformsOf(name) {
  let block = Buffer.alloc(0);
  let counter = 0;
  let at = 0;
  return () => {
    if (at === block.length) {
      block = createHash("sha256").update(`${name} ${counter++}`).digest();
      at = 0;
    }
    at += 4;
    return (block.readUInt32BE(at - 4) + 0.5) / 2 ** 32;
  };
}

/** Sum of twelve uniforms less six: nearly normal, and the same bits on every platform. */
function normalOf(uniform) {
  return () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += uniform();
    return sum;
  };
}

function participant(uniform, normal) {
  const arm = uniform() < 0.5 ? "intensive" : "standard";
  const usual = 140 + 12 * normal();
  const gap = 62 + 8 * normal();
  const response = Math.max(4, 10 + 2 * normal());
  const started = Math.max(0, Math.min(5, Math.round(1.8 + 1.05 * normal())));
  let drugs = started;
  const visits = [];
  for (let visit = 0; visit < VISITS; visit++) {
    // Advice and closer care alone bring the standard arm down a little.
    const care = visit === 0 ? 0 : arm === "standard" ? 3 : 6;
    const systolic = usual - care - response * (drugs - started) + 8 * normal();
    const diastolic = systolic - gap + 0.45 * (140 - systolic) + 5 * normal();
    visits.push([Math.round(systolic), Math.round(diastolic), drugs]);
    if (systolic > TARGET[arm] && drugs < 6 && uniform() < RAISED[arm]) drugs++;
    else if (systolic < TARGET[arm] - 10 && drugs > 0 && uniform() < LOWERED[arm]) drugs--;
  }
  return { arm, visits };
}

const numbers = Array.from({ length: VISITS }, (_, index) => index + 1);
const header = [...["sbp", "dbp", "meds"].flatMap((measure) => numbers.map((visit) => `${measure}_${visit}`)), "arm"];
const folder = new URL("./data/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [hospital, count] of HOSPITALS) {
  const uniform = uniformsOf(`consilium trial ${hospital}`);
  const normal = normalOf(uniform);
  const rows = Array.from({ length: count }, () => {
    const { arm, visits } = participant(uniform, normal);
    return [...[0, 1, 2].flatMap((measure) => visits.map((visit) => visit[measure])), arm].join(",");
  });
  writeFileSync(new URL(`${hospital}.csv`, folder), `${[header.join(","), ...rows].join("\n")}\n`);
}
