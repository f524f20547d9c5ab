/** Reads a data set's file to the end, `readData.js FILE RUNS`: a process of its own, so that peak memory is its own. */
import { openData } from "@consilium/site-agent/connector/open";
import { peakRssMiB } from "./machine.ts";

const [, , file = "", runs = "1"] = process.argv;
const times: number[] = [];
let sum = 0;
for (let run = 0; run < Number(runs); run++) {
  const before = process.cpuUsage();
  sum = await sumOfAll(file);
  const { user, system } = process.cpuUsage(before);
  times.push((user + system) / 1000);
}
const peak = peakRssMiB(process.pid) ?? process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ times, sum, peakRssMiB: peak })}\n`);

async function sumOfAll(path: string): Promise<number> {
  const connector = await openData(path);
  let total = 0;
  try {
    for await (const chunk of connector.rows(await connector.columns()))
      for (const row of chunk) for (const value of row) if (typeof value === "number") total += value;
  } finally {
    await connector.close();
  }
  return total;
}
