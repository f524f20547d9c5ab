/** Measures one ledger on a disk, in a process of its own, so that peak memory is its own. */
import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, statSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert } from "@consilium/shared/failure/failure";
import { z } from "zod";
import { announced, capBodies, closed, openLedger, SITES } from "./ledgerRounds.ts";
import { peakRssMiB } from "./machine.ts";

const Order = z.strictObject({
  measure: z.enum(["single", "rounds", "start", "verify"]),
  path: z.string(),
  charges: z.int().min(1),
});
export type LedgerOrder = z.infer<typeof Order>;

const Outcome = z.strictObject({
  /** Charges a second by the clock, block by block. */
  rates: z.array(z.number()).min(1),
  /** Milliseconds of processor time a charge, block by block. */
  cpuMs: z.array(z.number()).min(1),
  /** Size of the database, once closed. */
  bytes: z.number(),
  peakRssMiB: z.number(),
});
export type LedgerOutcome = z.infer<typeof Outcome>;

type Taken = Pick<LedgerOutcome, "rates" | "cpuMs">;

/** Charges that are timed together: the clock and the disk's moods are coarser than one. */
const BLOCK = 200;

export function measureLedger(order: LedgerOrder): LedgerOutcome | { readonly skipped: string } {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
    input: JSON.stringify(order),
    encoding: "utf8",
  });
  if (child.status === 0) return Outcome.parse(JSON.parse(child.stdout.trim().split("\n").at(-1) ?? ""));
  process.exitCode = 1;
  process.stderr.write(child.stderr);
  return { skipped: `the measuring process ended by ${child.signal ?? `exit code ${child.status}`}` };
}

/** Writes of `bytes` a second, each fsynced: what the disk under a ledger allows. */
export function fsyncsASecond(path: string, bytes: number, writes: number): number[] {
  const file = openSync(path, "w");
  const content = Buffer.alloc(bytes, 1);
  try {
    return blocks(writes, () => {
      writeSync(file, content);
      fsyncSync(file);
    }).rates;
  } finally {
    closeSync(file);
  }
}

async function obey({ measure, path, charges }: LedgerOrder): Promise<Taken> {
  switch (measure) {
    case "single":
      return await bookSingly(path, charges);
    case "rounds":
      return await bookRounds(path, charges);
    case "start":
      return await started(path, charges);
    case "verify":
      return await verified(path, charges);
  }
}

/** Each in a transaction of its own, as a site books them. */
async function bookSingly(path: string, charges: number): Promise<Taken> {
  const { database, store } = await openLedger(path);
  store.append(capBodies());
  const done = blocks(charges, (index) => void store.append(announced(index + 1, SITES.slice(0, 1))));
  database.close();
  return done;
}

/** What closes a round, and all sites' charges of the next one, in one transaction, as a coordinator books them. */
async function bookRounds(path: string, charges: number): Promise<Taken> {
  const { database, store } = await openLedger(path);
  store.append(capBodies());
  store.append(announced(1, SITES));
  const book = (index: number): void =>
    store.transaction(() => {
      store.append(closed(index + 1, SITES));
      store.append(announced(index + 2, SITES));
    });
  const { rates, cpuMs } = blocks(Math.ceil(charges / SITES.length), book);
  database.close();
  return { rates: rates.map((rate) => rate * SITES.length), cpuMs: cpuMs.map((ms) => ms / SITES.length) };
}

async function started(path: string, charges: number): Promise<Taken> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  const { database, store } = await openLedger(path);
  const took = since(wall, cpu, charges);
  assert(store.state.charges.size >= charges, "every charge was read");
  database.close();
  return { rates: [took.rate], cpuMs: [took.cpuMs] };
}

async function verified(path: string, charges: number): Promise<Taken> {
  const { database, store } = await openLedger(path);
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  await store.verify();
  const took = since(wall, cpu, charges);
  database.close();
  return { rates: [took.rate], cpuMs: [took.cpuMs] };
}

function blocks(count: number, run: (index: number) => void): Taken {
  const done = Array.from({ length: Math.ceil(count / BLOCK) }, (_, block) => {
    const end = Math.min(count, (block + 1) * BLOCK);
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    for (let index = block * BLOCK; index < end; index++) run(index);
    return since(wall, cpu, end - block * BLOCK);
  });
  return { rates: done.map(({ rate }) => rate), cpuMs: done.map(({ cpuMs }) => cpuMs) };
}

function since(wall: number, cpu: NodeJS.CpuUsage, count: number): { readonly rate: number; readonly cpuMs: number } {
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (1000 * count) / (performance.now() - wall), cpuMs: (user + system) / 1000 / count };
}

async function standardInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const order = Order.parse(JSON.parse(await standardInput()));
  const done = await obey(order);
  const peak = peakRssMiB(process.pid) ?? process.resourceUsage().maxRSS / 1024;
  const outcome: LedgerOutcome = { ...done, bytes: statSync(order.path).size, peakRssMiB: peak };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
