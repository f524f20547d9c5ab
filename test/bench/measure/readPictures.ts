/**
 * Reads a data set's pictures to the end, `readPictures.js FILE RUNS [FOLDER]`, decoded ones kept in FOLDER: a process
 * of its own, so that peak memory is its own.
 */

import { openData } from "@consilium/site-agent/connector/open";
import { PictureCache } from "@consilium/site-agent/connector/pictureCache";
import { peakRssMiB } from "./machine.ts";

const [, , file = "", runs = "1", folder] = process.argv;
const cache = folder === undefined ? null : new PictureCache(folder);
const times: number[] = [];
let read = { records: 0, sum: 0 };
for (let run = 0; run < Number(runs); run++) {
  const before = performance.now();
  read = await readAll(file);
  times.push(performance.now() - before);
}
const peak = peakRssMiB(process.pid) ?? process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ times, ...read, peakRssMiB: peak })}\n`);

async function readAll(path: string): Promise<{ records: number; sum: number }> {
  const connector = await openData(path, { cache, say: (line) => process.stderr.write(`${line}\n`) });
  let [records, sum] = [0, 0];
  try {
    for await (const chunk of connector.rows(await connector.columns())) {
      records += chunk.length;
      for (const value of chunk.flat())
        if (typeof value === "object" && value !== null) sum += value.values.reduce((total, one) => total + one, 0);
    }
  } finally {
    await connector.close();
  }
  return { records, sum };
}
