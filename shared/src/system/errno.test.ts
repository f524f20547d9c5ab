import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { systemFailure } from "./errno.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-errno-"));
afterAll(() => rmSync(folder, { recursive: true }));

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

function refusal(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: refused`), {
    code,
    syscall: "open",
    ...(path === undefined ? {} : { path }),
  });
}

describe("what the operating system refuses is told with its path and what to do", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  test.each([
    ["a file that isn't there", () => readFileSync(join(folder, "none")), join(folder, "none"), 2],
    ["a path through a file", () => readFileSync(join(file, "below")), join(file, "below"), 2],
    ["one that is there", () => writeFileSync(file, "", { flag: "wx" }), file, 2],
  ])("%s", (_what, act, path, exitCode) => {
    const failure = systemFailure(thrownBy(act));
    expect(failure?.message).toContain(path);
    expect(failure?.exitCode).toBe(exitCode);
  });

  test.each([
    ["EACCES", "This account has no access to /srv/site."],
    ["EROFS", "/srv/site can't be written: its file system is read-only."],
    ["ENOSPC", "/srv/site can't be written: the disk is full."],
  ])("%s", (code, what) => {
    expect(systemFailure(refusal(code, "/srv/site"))).toMatchObject({
      message: what,
      code: `file/${code.toLowerCase()}`,
    });
  });

  test("a write through an open file names no path; a local socket is named by its address", () => {
    expect(systemFailure(refusal("ENOSPC"))?.message).toBe("a file can't be written: the disk is full.");
    const socket = Object.assign(refusal("EACCES"), { address: "/srv/site/agent.sock" });
    expect(systemFailure(socket)?.message).toContain("/srv/site/agent.sock");
  });

  test("a bug is no refusal of the system", () => {
    expect(systemFailure(new TypeError("x is undefined"))).toBeNull();
    expect(systemFailure(refusal("ECONNREFUSED"))).toBeNull();
    expect(systemFailure("ENOENT")).toBeNull();
  });
});
