import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PlanThread } from "./planThread.ts";
import type { PlanJob } from "./planWork.ts";

/** A thread that answers with the text, refuses, fails, ends or never answers, as the text says. */
const PROGRAM = `
import { parentPort } from "node:worker_threads";
const refusal = { code: "study/odd", kind: "refused", what: "odd", remedy: "none" };
parentPort.on("message", ({ source: { text } }) => {
  if (text === "never") return;
  if (text === "end") process.exit(3);
  if (text === "throw") throw new Error("lost");
  const outcome = { refuse: "refused", fail: "failed" }[text] ?? "done";
  parentPort.postMessage(outcome === "done" ? { outcome, result: text } : { outcome, refusal });
});
`;

let folder: string;
let file: URL;
let thread: PlanThread;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-plan-"));
  file = pathToFileURL(join(folder, "thread.mjs"));
  await writeFile(file, PROGRAM);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => thread.close());

const job = (text: string): PlanJob => ({ job: "resolve", source: { text, files: [] } });
const says = (text: string): Promise<string> => thread.run(job(text), z.string());

describe("plans are made off the thread that rounds run on, within a time", () => {
  test("one after another, in their order; a refusal is the plan's own", async () => {
    thread = new PlanThread(file);
    expect(await Promise.all(["a", "b", "c"].map(says))).toEqual(["a", "b", "c"]);
    await expect(says("refuse")).rejects.toThrow(expect.objectContaining({ code: "study/odd" }));
    expect(await says("d")).toBe("d");
  });

  test("one that takes too long is ended and refused; the next one is planned", async () => {
    thread = new PlanThread(file, 200);
    await expect(says("never")).rejects.toThrow(expect.objectContaining({ code: "plan/too-long" }));
    await expect(says("never")).rejects.toThrow(expect.objectContaining({ code: "plan/too-long" }));
  });

  test.each(["end", "throw", "fail"])("a thread that does this: %s, is replaced", async (text) => {
    thread = new PlanThread(file, 20_000);
    await expect(says(text)).rejects.toThrow();
    expect(await says("after")).toBe("after");
  });

  test("no more than some wait", async () => {
    thread = new PlanThread(file, 4000);
    const first = says("never");
    const others = Array.from({ length: 8 }, (_, index) => says(`${index}`));
    const busy = expect.objectContaining({ code: "plan/busy" });
    await expect(others.at(-1)).rejects.toThrow(busy);
    await expect(first).rejects.toThrow(expect.objectContaining({ code: "plan/too-long" }));
    expect(await Promise.all(others.slice(0, -1))).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
  }, 60_000);
});
