/**
 * Sanitizes a data set's file once, `sanitizeOnce.js FILE GENES METHOD OUT`: both passes, noise and file, without the
 * ledger. A process of its own, so that peak memory is its own.
 */
import { LabelRule } from "@consilium/shared/sanitizer/method";
import { DataContract } from "@consilium/shared/study/contract";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { writeWhole } from "@consilium/site-agent/command/sanitizeFile";
import { planOf } from "@consilium/site-agent/command/sanitizePlan";
import { survey } from "@consilium/site-agent/command/sanitizeRead";
import { noisedTable } from "@consilium/site-agent/command/sanitizeWrite";
import { csvChunks } from "@consilium/site-agent/sanitizer/csvTable";
import { z } from "zod";
import { peakRssMiB } from "./machine.ts";

const Method = z.enum(["dct-laplace", "projection"]);
const [, , path = "", genes = "", method = "", out = ""] = process.argv;
const contract = DataContract.parse({
  columns: Array.from({ length: Number(genes) }, (_, i) => ({ name: `g${i + 1}`, type: "number", min: 0, max: 20.01 })),
  label: { name: "label", values: [0, 1] },
});
const source = { path, contract, secret: new Uint8Array(32) };
const labels = LabelRule.parse({ label: "randomised", epsilon: 1 });
const options = { method: Method.parse(method), epsilon: 50, promise: "record", clip: 100, delta: 1e-5 } as const;
const counts = { columns: Number(genes), labelValues: 2, recordsPerPatient: 1 };
const before = process.cpuUsage();
const plan = planOf(options, labels, counts);
const { kept } = await survey(source, operatingSystemRandom);
const table = await noisedTable({ source, kept, plan, out, say: () => undefined });
writeWhole(out, csvChunks(table)).place();
table.close();
const { user, system } = process.cpuUsage(before);
const peak = peakRssMiB(process.pid) ?? process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ times: [(user + system) / 1000], peakRssMiB: peak })}\n`);
