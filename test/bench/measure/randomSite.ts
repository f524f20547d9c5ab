/**
 * A site agent as `consilium-site start` runs it, but for one thing: its engine makes random sums instead of reading
 * patients. For the bench of rounds alone, which starts it with the same arguments.
 */
import { parseArgs } from "node:util";
import { runAgent } from "@consilium/site-agent/main";

const { values } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string", default: "" }, json: { type: "boolean" } },
});
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

await runAgent({
  path: values.data,
  environment: process.env,
  signal: stopping.signal,
  randomSums: process.pid,
  onReady: (status) => process.stdout.write(`${JSON.stringify({ ready: true, ...status })}\n`),
});
