import { chmod, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isThere, PUBLIC_FILE_MODE, readSecretFile, SECRET_FILE_MODE, writeFileAtomically } from "./files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("[CRT7] key files are replaced as a whole and can be read by their owner alone", () => {
  test("a secret is written with mode 0600, over an older one too, and no temporary file stays", async () => {
    const path = join(folder, "key.pem");
    await writeFileAtomically(path, "old", PUBLIC_FILE_MODE);
    await writeFileAtomically(path, "new", SECRET_FILE_MODE);
    expect(await readSecretFile(path)).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["key.pem"]);
  });

  test("a key file that others may read is refused", async () => {
    const path = join(folder, "key.pem");
    await writeFileAtomically(path, "secret", SECRET_FILE_MODE);
    await chmod(path, 0o640);
    await expect(readSecretFile(path)).rejects.toMatchObject({ code: "certificate/key-file-exposed" });
  });

  test("a folder that isn't there fails and leaves the old file whole", async () => {
    const path = join(folder, "kept");
    await writeFileAtomically(path, "kept", PUBLIC_FILE_MODE);
    await expect(writeFileAtomically(join(folder, "none", "kept"), "lost", PUBLIC_FILE_MODE)).rejects.toThrow();
    expect(await readFile(path, "utf8")).toBe("kept");
  });
});

describe("a path that this account may not look at is not taken for absent", () => {
  const refusing = (code: string) => (path: string) =>
    Promise.reject(Object.assign(new Error(code), { code, syscall: "access", path }));

  test("there, absent, and below a file", async () => {
    const path = join(folder, "site.yaml");
    expect(await isThere(path)).toBe(false);
    await writeFileAtomically(path, "", PUBLIC_FILE_MODE);
    expect(await isThere(path)).toBe(true);
    expect(await isThere(join(path, "below"))).toBe(false);
  });

  test("a folder of another account", async () => {
    await expect(isThere("/var/lib/site/site.yaml", refusing("EACCES"))).rejects.toMatchObject({
      code: "file/eacces",
      message: "This account has no access to /var/lib/site/site.yaml.",
      remedy: expect.stringContaining("sudo -u OWNER"),
    });
  });
});
