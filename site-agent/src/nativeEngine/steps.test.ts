import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alone } from "./lock.ts";
import { runSteps, type Step } from "./steps.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-steps-"));
});
afterEach(() => rm(folder, { recursive: true }));

const writing = (makes: string, ran: string[]): Step => ({
  title: `Make ${makes}`,
  makes,
  run: async (temporary) => {
    ran.push(makes);
    expect(await readdir(temporary)).toEqual([]);
    await writeFile(join(temporary, "content"), makes);
  },
});
const failing = (makes: string): Step => ({
  title: `Make ${makes}`,
  makes,
  run: async (temporary) => {
    await writeFile(join(temporary, "half"), "");
    throw new Error("interrupted");
  },
});

describe("[ENG21] an installation is resumed, never half done", () => {
  test("each step once, in order; told as it goes", async () => {
    const [ran, told]: [string[], string[]] = [[], []];
    await runSteps(folder, [writing("a", ran), writing("b", ran)], (line) => told.push(line));
    expect(ran).toEqual(["a", "b"]);
    expect(told).toEqual(["1/2 Make a …", "2/2 Make b …"]);
    expect(await readFile(join(folder, "b/content"), "utf8")).toBe("b");
  });

  test("a step that failed has made nothing; the next try repeats it alone", async () => {
    const [ran, told]: [string[], string[]] = [[], []];
    const say = (line: string) => told.push(line);
    await expect(runSteps(folder, [writing("a", ran), failing("b"), writing("c", ran)], say)).rejects.toThrow(
      "interrupted",
    );
    expect(await readdir(folder)).toEqual(["a", "b.part"]);
    await runSteps(folder, [writing("a", ran), writing("b", ran), writing("c", ran)], say);
    expect(ran).toEqual(["a", "b", "c"]);
    expect(told.slice(2)).toEqual(["1/3 Make a: done before", "2/3 Make b …", "3/3 Make c …"]);
    expect((await readdir(folder)).sort()).toEqual(["a", "b", "c"]);
  });
});

describe("[ENG21] one installation at a time", () => {
  test("a second one is refused, and let in when the first has ended, however it ended", async () => {
    const first = alone(folder, async () => {
      await expect(alone(folder, async () => "second")).rejects.toMatchObject({ code: "engine/installing" });
      throw new Error("failed");
    });
    await expect(first).rejects.toThrow("failed");
    expect(await alone(folder, async () => "third")).toBe("third");
  });

  test.each(["999999999", "", "-1", "nonsense"])(
    "a lock of a process that is gone (%j) holds nobody up",
    async (pid) => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "installing.lock"), pid);
      expect(await alone(folder, async () => "in")).toBe("in");
      expect(await readdir(folder)).toEqual([]);
    },
  );
});
