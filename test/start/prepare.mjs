/**
 * Brings a clone to where it can run: checks Node, installs what package-lock.json names, compiles.
 * Node's own modules only, for it runs before anything is installed. Does nothing, quickly, when nothing changed.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { progress, say, shortOf } from "./progress.mjs";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, "node_modules");
const logFolder = join(root, ".consilium", "log");

/** Entry points of tools, started by this Node rather than by a shell: the same on every system. */
export const tool = {
  asc: join(modules, "assemblyscript", "bin", "asc.js"),
  biome: join(modules, "@biomejs", "biome", "bin", "biome"),
  tsc: join(modules, "typescript", "bin", "tsc"),
  vite: join(modules, "vite", "bin", "vite.js"),
  vitest: join(modules, "vitest", "vitest.mjs"),
  knip: join(modules, "knip", "bin", "knip.js"),
  dependencyCruiser: join(modules, "dependency-cruiser", "bin", "dependency-cruise.mjs"),
};

/** A step failed; its reason is told already. */
export class StepFailed extends Error {}

/**
 * Installs and compiles what is missing or older than its sources. Ends the process, with what to do, where it can't.
 */
export async function prepare() {
  try {
    checkNode();
    await install();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    say(error.message);
    process.exit(1);
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  if (supported) return;
  throw new StepFailed(
    `Consilium needs Node 20.19, 22.12 or 24 and later; this is ${process.versions.node}. Install one from ` +
      "https://nodejs.org (or: nvm install 22), then run the same command again.",
  );
}

/** Packages; then SQLite, which takes one core minutes where it has to be compiled, beside everything else. */
async function install() {
  const stamp = join(modules, ".consilium-installed");
  const wanted = installationDigest();
  if (readText(stamp) === wanted) return compile();
  if (!lockfileIsInstalled()) {
    // Scripts apart: only SQLite needs one, and it may need a compiler, which is worth saying before.
    await step("Installing packages (about a minute)", npm("ci", "--ignore-scripts", "--no-audit", "--no-fund"));
    // What npm does where their scripts fail: without what these fetch (hundreds of megabytes) they can't be loaded.
    for (const name of ["tfjs-node", "tfjs-node-gpu"]) {
      rmSync(join(modules, "@tensorflow", name), { recursive: true, force: true });
    }
  }
  const ended = await Promise.allSettled([sqliteLoads() ? null : installSqlite(), compile()]);
  const failed = ended.find(({ status }) => status === "rejected");
  if (failed !== undefined) throw failed.reason;
  writeFileSync(stamp, wanted);
}

/** Another lockfile, Node ABI or processor wants another installation. */
function installationDigest() {
  const hash = createHash("sha256").update(readFileSync(join(root, "package-lock.json")));
  return hash.update([process.versions.modules, process.platform, process.arch].join(" ")).digest("hex");
}

/** Whether `npm install` already put in place exactly what the lockfile names (optional packages may be missing). */
function lockfileIsInstalled() {
  const hidden = readText(join(modules, ".package-lock.json"));
  if (hidden === undefined) return false;
  const installed = JSON.parse(hidden).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || !path.includes("node_modules")) return true;
    if (entry.link) return existsSync(join(root, path));
    const found = installed[path];
    return found === undefined ? entry.optional || entry.devOptional || entry.peer : found.version === entry.version;
  });
}

function sqliteLoads() {
  const probe = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ["-e", probe], { cwd: root, stdio: "ignore" }).status === 0;
}

const FETCH_MS = 60_000;

/** A ready-made binary where one can be fetched, else compiled here. */
async function installSqlite() {
  const folder = join(modules, "better-sqlite3");
  const fetcher = join(modules, "prebuild-install", "bin.js");
  if (existsSync(fetcher)) {
    const fetched = await run("Looking for a ready-made SQLite", [process.execPath, [fetcher]], {
      cwd: folder,
      timeoutMs: FETCH_MS,
      refused: "there is none to be had here",
    });
    if (fetched.ok && sqliteLoads()) return;
  }
  const missing = ["python3", "make", "g++"].filter((name) => !onPath(name));
  if (missing.length > 0 && process.platform !== "win32") {
    throw new StepFailed(
      `SQLite has no ready-made binary for Node ${process.versions.node} here, and compiling it needs ${missing.join(", ")}.\n` +
        `Install them (Debian, Ubuntu: sudo apt-get install python3 make g++; Fedora: sudo dnf install python3 make ` +
        `gcc-c++; macOS: xcode-select --install), then run the same command again.`,
    );
  }
  const title = "Compiling SQLite (2 to 4 min; needs python3, make, g++)";
  await step(title, npm("rebuild", "better-sqlite3"), { env: ownHeaders() });
  if (!sqliteLoads()) throw new StepFailed("SQLite was compiled but does not load. Delete node_modules and try again.");
}

/** Node's own headers, where they lie beside it: no download, and never another version's. */
function ownHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const major = `NODE_MAJOR_VERSION ${process.versions.node.split(".")[0]}\n`;
  // As Node's archives lie, and as the registry's package `node` lies.
  const places = [prefix, join(prefix, "node_modules", `node-${process.platform}-${process.arch}`)];
  const found = places.find((place) => readText(join(place, "include", "node", "node_version.h"))?.includes(major));
  return found === undefined ? {} : { npm_config_nodedir: found };
}

function onPath(name) {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;
}

async function compile() {
  const sources = ["shared", "certs", "coordinator", "site-agent", "simulation", "test"];
  const settings = ["package-lock.json", "tsconfig.base.json", "tsconfig.json"];
  const kernels = "shared/kernel";
  await compileStep({
    title: "Compiling the kernels (seconds)",
    stamp: join(modules, ".consilium-kernels"),
    digest: contentDigest(["package-lock.json", `${kernels}/assembly`, `${kernels}/asconfig.json`], () => true),
    outputs: [`${kernels}/dist/kernel.wasm`],
    command: [process.execPath, [tool.asc, "--config", "asconfig.json"]],
    options: { cwd: join(root, kernels) },
  });
  await compileStep({
    title: "Compiling TypeScript (about half a minute)",
    stamp: join(modules, ".consilium-compiled"),
    digest: contentDigest([...settings, ...sources], (path) => /(\.ts|tsconfig\.json|package\.json)$/.test(path)),
    outputs: ["shared/dist", "shared/kernel/dist/instance.js", "certs/dist", ...PROGRAMS.map((name) => `${name}/dist`)],
    command: [process.execPath, [tool.tsc, "--build"]],
  });
  for (const [name, folder] of PAGES) {
    await compileStep({
      title: `Building the ${name} (about half a minute)`,
      stamp: join(modules, `.consilium-${name.replace(/[^a-z]+/g, "-")}`),
      digest: contentDigest(["package-lock.json", folder, "shared/page"], () => true),
      outputs: [`${folder}/dist/index.html`],
      command: [process.execPath, [tool.vite, "build", folder, "--logLevel", "warn"]],
    });
  }
}

/** Packages that run. */
const PROGRAMS = ["coordinator", "site-agent", "simulation"];

/** What a browser shows, by the program that serves it. */
const PAGES = [
  ["dashboard", "coordinator/dashboard"],
  ["hospital's page", "site-agent/dashboard"],
];

async function compileStep({ title, stamp, digest, outputs, command, options }) {
  const present = outputs.every((path) => existsSync(join(root, path)));
  if (present && readText(stamp) === digest) return;
  rmSync(stamp, { force: true });
  await step(title, command, options);
  writeFileSync(stamp, digest);
}

/** SHA-256 over paths and contents below `paths`, in order; built and installed files apart. */
function contentDigest(paths, wanted) {
  const hash = createHash("sha256");
  const visit = (path) => {
    const absolute = join(root, path);
    if (!existsSync(absolute)) return;
    const children = childrenOf(absolute);
    if (children === undefined) {
      if (wanted(path) || paths.includes(path)) hash.update(`${path}\0`).update(readFileSync(absolute)).update("\0");
      return;
    }
    for (const name of children) {
      if (!["node_modules", "dist", "data", "vectors", ".vite"].includes(name)) visit(join(path, name));
    }
  };
  for (const path of paths) visit(path);
  return hash.digest("hex");
}

/** Names in a folder, sorted; undefined for a file. */
function childrenOf(path) {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** The npm that started us, so that its version reads its own lockfile; else the one on the path. */
export function npm(...args) {
  const started = process.env.npm_execpath;
  if (started?.endsWith(".js")) return [process.execPath, [started, ...args]];
  return process.platform === "win32" ? ["npm.cmd", args] : ["npm", args];
}

/** Runs a command with its progress on one line; on failure shows the end of its output. */
async function step(title, command, options = {}) {
  const { ok, log } = await run(title, command, options);
  if (ok) return;
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-40).join("\n");
  throw new StepFailed(`${tail}\n\n${title}: failed. All of its output: ${log}`);
}

/** Output goes to a log file; whoever waits sees the time pass. */
async function run(title, [file, args], { cwd = root, env = {}, timeoutMs, refused }) {
  mkdirSync(logFolder, { recursive: true });
  const log = join(
    logFolder,
    `${shortOf(title)
      .toLowerCase()
      .replace(/[^a-z]+/g, "-")}.log`,
  );
  const output = openSync(log, "w");
  const done = progress(title);
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
    shell: file.endsWith(".cmd"),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  const ok = await new Promise((resolve) => {
    child.on("error", () => resolve(false));
    child.on("close", (code, signal) => {
      if (signal === "SIGINT") process.exit(130);
      resolve(code === 0);
    });
  });
  closeSync(output);
  done(ok, refused);
  return { ok, log };
}
