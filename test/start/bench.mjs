/** `npm run bench -- NAME [--json]`: runs one benchmark of test/bench; without a name lists them. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare, root, say } from "./prepare.mjs";

await prepare();
const folder = join(root, "test", "bench", "dist");
const names = existsSync(folder)
  ? readdirSync(folder).flatMap((file) => /^(?!.*\.test\.)([a-z][A-Za-z]*)\.js$/.exec(file)?.[1] ?? [])
  : [];
const [name, ...args] = process.argv.slice(2);
if (name !== undefined && names.includes(name)) {
  process.exitCode =
    spawnSync(process.execPath, [join(folder, `${name}.js`), ...args], { stdio: "inherit" }).status ?? 1;
} else {
  if (name !== undefined) say(`There is no benchmark called ${name}.`);
  say(`Usage: npm run bench -- NAME [--json]\nNames: ${names.join(", ") || "none yet"}`);
  process.exitCode = name === undefined ? 0 : 2;
}
