import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { setCap } from "../../site-agent/src/command/budget.ts";
import { register } from "../../site-agent/src/command/datasets.ts";
import { joinedSite } from "../../site-agent/src/command/joinedSite.test-support.ts";
import { DatasetBudget } from "../../site-agent/src/ledger/budget.ts";

const CLI = fileURLToPath(new URL("../../site-agent/dist/cli.js", import.meta.url));
const SCHEMA = fileURLToPath(new URL("../../shared/studies/heart/study.yaml", import.meta.url));
/** Enough that writing takes a while. */
const COPIES = 10;

let root = "";
let folder = "";

beforeAll(async () => {
  const site = await joinedSite({ isJson: false, result: () => undefined, say: () => undefined });
  root = site.root;
  folder = site.context.folder.path;
  const [header = "", ...lines] = readFileSync(site.records, "utf8").trimEnd().split("\n");
  const large = join(root, "large.csv");
  writeFileSync(large, `${[header, ...Array.from({ length: COPIES }, () => lines).flat()].join("\n")}\n`);
  await register(site.context, "large", large);
  const steward = { passwordFile: join(root, "right"), isSure: true };
  await setCap(site.context, "large", { epsilon: 40, delta: 1e-4, perStudy: undefined, steward });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function cli(...args: string[]): ChildProcess {
  return spawn(process.execPath, [CLI, ...args, "--data", folder], { stdio: ["ignore", "pipe", "pipe"] });
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  await once(child, "close");
  return text;
}

function start(out: string): ChildProcess {
  const how = [
    "--method",
    "dct-laplace",
    "--epsilon",
    "0.5",
    "--coefficients",
    "6",
    "--clip",
    "3",
    "--labels",
    "dropped",
  ];
  const steward = ["--password-file", join(root, "right"), "--yes"];
  return cli("sanitize", "--in", "large", "--out", out, "--schema", SCHEMA, ...how, ...steward);
}

async function sanitizings(): Promise<DatasetBudget["sanitizings"]> {
  const { datasets } = z
    .object({ datasets: z.array(DatasetBudget) })
    .parse(JSON.parse(await textOf(cli("budget", "show", "--json"))));
  return datasets.flatMap((one) => one.sanitizings);
}

/** Resolves at a moment of a run, or when it ended before. */
async function until(child: ChildProcess, isThen: () => boolean): Promise<void> {
  while (child.exitCode === null && child.signalCode === null && !isThen())
    await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("[SAN11] a sanitizer that is killed at any moment", () => {
  /** Charges before the next run. */
  let known = 0;
  const names = () => readdirSync(root);
  const moments: [string, (out: string, said: () => string, since: number) => boolean][] = [
    ["while it reads", (_out, said) => said().includes("Any two records")],
    ["once it is charged", (_out, said, since) => said().includes("Signing as") && Date.now() > since + 1500],
    ["while it draws noise", (out) => names().some((name) => name.startsWith(`${out}.`) && name.endsWith(".spool"))],
    ["while it writes", (out) => names().includes(`${out}.partial`)],
    ["when the manifest has its name", (out) => names().includes(`${out}.sanitized.json`)],
  ];

  test.each(moments)("%s: spent or not, told, and no file that isn't whole", async (_, isThen) => {
    const name = `out-${moments.findIndex(([, one]) => one === isThen)}.csv`;
    const out = join(root, name);
    const child = start(out);
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
    });
    const since = Date.now();
    await until(child, () => isThen(name, () => said, since));
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    const all = await sanitizings();
    const [charge, ...more] = all.slice(known);
    known = all.length;
    expect(more).toEqual([]);
    if (!existsSync(out)) return;
    expect(charge?.isWritten).toBe(true);
    expect(createHash("sha256").update(readFileSync(out)).digest("hex")).toBe(charge?.file);
  });

  test("its charge stays, is told, and another run to the same name is another charge and a whole file", async () => {
    const killed = await sanitizings();
    expect(killed.some(({ isWritten }) => !isWritten)).toBe(true);
    expect(await textOf(cli("budget", "show"))).toContain("No file was finished for it: the charge stays spent");
    const out = join(root, "again.csv");
    writeFileSync(`${out}.partial`, "what a process that was killed left");
    await textOf(start(out));
    const written = await sanitizings();
    expect(createHash("sha256").update(readFileSync(out)).digest("hex")).toBe(written.at(-1)?.file);
    expect(written).toHaveLength(killed.length + 1);
    // A whole, paid file that has no name yet gets it, for nothing.
    const text = readFileSync(out);
    rmSync(out);
    rmSync(`${out}.sanitized.json`);
    writeFileSync(`${out}.partial`, text);
    await textOf(start(out));
    expect(readFileSync(out)).toEqual(text);
    expect((await sanitizings()).length).toBe(killed.length + 1);
  });
});
