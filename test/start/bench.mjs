/** `npm run bench -- NAME [OPTIONS]`: runs one benchmark of test/bench; without a name lists them. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { howItEnded } from "./checks.mjs";
import { prepare, root } from "./prepare.mjs";
import { say } from "./progress.mjs";

const USAGE = [
  "Usage: npm run bench -- NAME [--json] [--only CASE] [--write] [--charges COUNT]",
  "  --json     one line of JSON at the end of standard output, the table on standard error",
  "  --only     cases whose names contain this: audit, data, engine, growth, privacy, round",
  "  --write    puts the figures into docs/benchmarks.md: audit, data, engine, growth, privacy",
  "  --charges  length of the ledger that is measured, 100000 unless told: privacy",
  "On two idle cores engine takes about 10 minutes, growth 5, the others less. What else runs is in the figures.",
].join("\n");
const [name, ...args] = process.argv.slice(2);
refuseUnknown();
await prepare();
const folder = join(root, "test", "bench", "dist");
// By the sources: what an older version compiled may still lie in the folder.
const names = readdirSync(join(root, "test", "bench")).flatMap(
  (file) => /^([a-z][A-Za-z]*)\.ts$/.exec(file)?.[1] ?? [],
);
if (name !== undefined && names.includes(name)) {
  const ended = spawnSync(process.execPath, [join(folder, `${name}.js`), ...args], { stdio: "inherit" });
  if (ended.error !== undefined || ended.signal !== null) say(`The benchmark ${name}: ${howItEnded(ended)}`);
  process.exitCode = ended.status ?? 1;
} else {
  if (name !== undefined) say(`There is no benchmark called ${name}.`);
  say(`${USAGE}\nNames: ${names.join(", ") || "none yet"}`);
  process.exitCode = name === undefined ? 0 : 2;
}

/** Before anything is installed: an option that nobody reads would be taken for one that was heeded. */
function refuseUnknown() {
  try {
    const writes = ["audit", "data", "engine", "growth", "privacy"].includes(name);
    const only = writes || name === "round" ? { only: { type: "string" } } : {};
    const write = writes ? { write: { type: "boolean" } } : {};
    if ([name, ...args].includes("--help")) {
      say(USAGE);
      process.exit(0);
    }
    const charges = name === "privacy" ? { charges: { type: "string" } } : {};
    const options = { json: { type: "boolean" }, ...only, ...write, ...charges };
    parseArgs({ args: name?.startsWith("-") ? [name] : args, options });
    if (!name?.startsWith("-")) return;
    say(USAGE);
  } catch (error) {
    say(`${error.message}\n${USAGE}`);
  }
  process.exit(2);
}
