/**
 * Deals METABRIC's copy number, which you bring along, to its three cohorts: data/cohort-1.npz to cohort-3.npz.
 *
 *   node shared/studies/genomics/copy-number/prepare.mjs FOLDER
 *
 * FOLDER holds `copy_number.npz` (arrays X [tumours, probes] of log ratios in float32, and ids: the 997 × 714 of the R
 * package iC10TrainingData, GPL-3) and `labels.csv` (Patient_ID, IntClust, Cohort, split). Tumours without a cohort are
 * left out.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arrayOf, npy, texts, textsOf, zipOf } from "../npz.mjs";

const PROBES = 714;
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node prepare.mjs FOLDER (with copy_number.npz and labels.csv)");
  process.exit(2);
}
const archive = readFileSync(join(folder, "copy_number.npz"));
const { descr, shape, bytes } = arrayOf(archive, "X");
if (descr !== "<f4" || shape[1] !== PROBES) stop(`X must be float32 with ${PROBES} probes; it is ${descr} of ${shape}`);
const placeOf = new Map(textsOf(archive, "ids").map((id, place) => [id, place]));
const [head = "", ...lines] = readFileSync(join(folder, "labels.csv"), "utf8").trim().split("\n");
const columns = head.split(",");
const [id, label, cohort, split] = ["Patient_ID", "IntClust", "Cohort", "split"].map((name) => columns.indexOf(name));
if ([id, label, cohort, split].includes(-1)) stop("labels.csv lacks one of Patient_ID, IntClust, Cohort and split");
const rows = lines.map((line) => line.split(","));
const odd = rows.findIndex((row) => row.length !== columns.length || !placeOf.has(row[id]));
if (odd >= 0) stop(`line ${odd + 2} of labels.csv has not ${columns.length} cells, or a tumour that the matrix lacks`);
mkdirSync(join(import.meta.dirname, "data"), { recursive: true });
for (const number of [1, 2, 3]) {
  const own = rows.filter((row) => row[cohort] !== "" && Number(row[cohort]) === number);
  const width = 4 * PROBES;
  const values = Buffer.concat(
    own.map((row) => bytes.subarray(placeOf.get(row[id]) * width, (placeOf.get(row[id]) + 1) * width)),
  );
  const arrays = {
    copies: npy("<f4", [own.length, PROBES], values),
    IntClust: texts(own.map((row) => row[label])),
    split: texts(own.map((row) => row[split])),
  };
  writeFileSync(join(import.meta.dirname, "data", `cohort-${number}.npz`), zipOf(arrays));
  console.log(
    `cohort-${number}: ${own.length} tumours, ${own.filter((row) => row[split] === "train").length} for training`,
  );
}

function stop(why) {
  console.error(`${why}; nothing was written.`);
  process.exit(1);
}
