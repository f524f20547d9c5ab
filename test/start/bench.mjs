/** `npm run bench -- NAME [--json]`: runs one benchmark of test/bench; without a name lists them. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { howItEnded } from "./checks.mjs";
import { prepare, root, say } from "./prepare.mjs";

const USAGE = "Usage: npm run bench -- NAME [--json] [--only CASE]; --only is for the bench round";
const [name, ...args] = process.argv.slice(2);
refuseUnknown();
await prepare();
const folder = join(root, "test", "bench", "dist");
const names = existsSync(folder)
  ? readdirSync(folder).flatMap((file) => /^(?!.*\.test\.)([a-z][A-Za-z]*)\.js$/.exec(file)?.[1] ?? [])
  : [];
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
    const only = name === "round" ? { only: { type: "string" } } : {};
    parseArgs({ args: name?.startsWith("-") ? [name] : args, options: { json: { type: "boolean" }, ...only } });
    if (!name?.startsWith("-")) return;
    say(USAGE);
  } catch (error) {
    say(`${error.message}\n${USAGE}`);
  }
  process.exit(2);
}
