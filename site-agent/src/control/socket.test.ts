import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ask, listen } from "./socket.ts";

let folder: string;
let path: string;
let server: Server | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-control-"));
  path = join(folder, "agent.sock");
});
afterEach(async () => {
  const open = server;
  server = null;
  if (open !== null) await new Promise((resolve) => open.close(resolve));
  await rm(folder, { recursive: true });
});

describe("the control socket", () => {
  test("nobody listens: null, and what a killed agent left doesn't stand in the way", async () => {
    expect(await ask(path, { ask: "status" })).toBeNull();
    await writeFile(path, "");
    server = await listen(path, async () => "fine");
    expect(await ask(path, { ask: "status" })).toEqual({ answer: "fine" });
  });

  test("this account alone may open it, and two agents never share it", async () => {
    server = await listen(path, async () => "fine");
    expect((await stat(path)).mode & 0o077).toBe(0);
    await expect(listen(path, async () => "other")).rejects.toMatchObject({ code: "agent/already-running" });
  });

  test("a refusal comes back as the failure that it was", async () => {
    const refusal = { code: "budget/no-cap", kind: "refused", what: "no cap", remedy: "set one" } as const;
    server = await listen(path, async () => {
      throw new Failure(refusal);
    });
    await expect(ask(path, { ask: "budget" })).rejects.toMatchObject({ code: "budget/no-cap", exitCode: 4 });
  });

  test("what is no request is refused and doesn't end the agent", async () => {
    server = await listen(path, async () => "fine");
    const reply = await new Promise<string>((resolve) => {
      const socket = connect(path, () => socket.write('{"ask":"drop the ledger"}\n'));
      socket.once("data", (data) => resolve(String(data)));
    });
    expect(JSON.parse(reply)).toMatchObject({ outcome: "refused" });
    expect(await ask(path, { ask: "status" })).toEqual({ answer: "fine" });
  });
});
