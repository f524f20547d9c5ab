import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newConfig } from "../config.ts";
import { start } from "../main.ts";
import { initDataFolder } from "./dataFolder.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const HOST = "127.0.0.1";
let folder = "";
let other: Server;
let taken = 0;

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-ports-"));
  other = createServer();
  taken = await listening(other, 0);
});
afterAll(async () => {
  await new Promise((resolve) => other.close(resolve));
  await rm(folder, { recursive: true });
});

describe("a coordinator whose port is in use", () => {
  test.each(["agents", "people"] as const)(
    "%s: says which, and where it is set; leaves nothing open",
    async (listener) => {
      const free = createServer();
      const port = await listening(free, 0);
      await new Promise((resolve) => free.close(resolve));
      const ports = { agents: port, people: port, [listener]: taken };
      const dataFolder = join(folder, listener);
      const issuing = { now: new Date(), random: operatingSystemRandom };
      await initDataFolder(dataFolder, newConfig("north", HOST, ports.agents, ports.people), issuing);
      await expect(
        start({ dataFolder, environment: {}, logger: quiet, random: operatingSystemRandom }),
      ).rejects.toThrow(
        expect.objectContaining({
          code: "coordinator/port-in-use",
          kind: "config",
          message: expect.stringContaining(`port ${taken} of ${HOST}`),
          remedy: expect.stringContaining(`listen.${listener} in ${join(dataFolder, "coordinator.yaml")}`),
        }),
      );
      expect(await readdir(dataFolder)).not.toContain("running.json");
      // The other listener's port is free again: a half-started coordinator would still hold it.
      const again = createServer();
      expect(await listening(again, port)).toBe(port);
      await new Promise((resolve) => again.close(resolve));
    },
  );
});
