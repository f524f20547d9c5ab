import { describe, expect, test, vi } from "vitest";
import { openDatabase } from "./database.ts";

vi.mock("better-sqlite3", () => ({
  default: class {
    constructor() {
      throw new Error("Could not locate the bindings file. Tried:\n → build/Release/better_sqlite3.node");
    }
  },
}));

describe("a database without SQLite's compiled file", () => {
  test("is refused with what to do, not called a bug", async () => {
    await expect(openDatabase(":memory:", {})).rejects.toMatchObject({
      code: "database/no-binary",
      remedy: expect.stringContaining("npm rebuild better-sqlite3"),
    });
  });
});
