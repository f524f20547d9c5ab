import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireDigest, sha256OfFile } from "./digest.ts";
import { inputsAmong, NO_INPUTS, readInputs } from "./inputs.ts";
import { type InstallOptions, install, requireRight } from "./install.ts";
import { targetInCudaWheel, targetInWheel } from "./library.ts";
import { BINDING_PIN, CUDA_PINS, HEADERS_PIN, LIBRARY_PIN } from "./pins.ts";
import { requireSupported, whyUnsupported } from "./platform.ts";
import { notUsed } from "./status.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-install-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("[ENG20] an engine's files are known by their SHA-256", () => {
  test("of a file, as FIPS 180-2's example has it", async () => {
    await writeFile(join(folder, "abc"), "abc");
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(await sha256OfFile(join(folder, "abc"))).toBe(digest);
    requireDigest("abc", digest, digest);
    expect(() => requireDigest("abc", digest, digest.replace("b", "c"))).toThrow("another file");
  });

  test("every pin is a digest of its own", () => {
    const pins = [LIBRARY_PIN.cpu, LIBRARY_PIN.gpu, BINDING_PIN, HEADERS_PIN, ...CUDA_PINS];
    for (const { sha256 } of pins) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(pins.map(({ sha256 }) => sha256)).size).toBe(pins.length);
    expect(CUDA_PINS[0]?.file).toBe("nvidia_cublas_cu12-12.9.3.13-");
  });

  test("files that were brought along are told apart by their names", async () => {
    const names = [LIBRARY_PIN.cpu.file, BINDING_PIN.file, HEADERS_PIN.file, "nvidia_cublas_cu12-12.9.3.13-py3.whl"];
    for (const name of [...names, "README"]) await writeFile(join(folder, name), "");
    const [library, binding, headers, cublas] = names.map((name) => join(folder, name));
    expect(await readInputs([folder])).toEqual({ library, binding, headers, cuda: [cublas] });
    expect(inputsAmong(["/a/libtensorflow-cpu-linux-x86_64-2.18.0.tar.gz"]).library).not.toBeNull();
    await expect(readInputs([join(folder, "README")])).rejects.toMatchObject({ code: "engine/no-library" });
    await expect(readInputs([join(folder, "missing")])).rejects.toMatchObject({ code: "file/unreadable" });
  });

  test("a wheel that is another is refused before anything is built", async () => {
    const wheel = join(folder, LIBRARY_PIN.cpu.file);
    await writeFile(wheel, "changed on its way");
    const options: InstallOptions = {
      folder: join(folder, "engines"),
      kind: "cpu",
      inputs: { ...NO_INPUTS, library: wheel },
      sha256: null,
      environment: process.env,
      say: () => undefined,
      now: () => new Date(0),
    };
    const code = whyUnsupported({ platform: process.platform, arch: process.arch, glibc: "2.36" });
    const expected = code === null ? /engine\/(other-file|no-room|no-compiler)/ : /engine\/unsupported-machine/;
    await expect(install(options)).rejects.toMatchObject({ code: expect.stringMatching(expected) });
  });
});

describe("[ENG22] what the self-test finds", () => {
  const errors = { matMul: 1e-7, conv2d: 2e-7 };

  test("a right engine of the kind that was asked for passes", () => {
    requireRight({ errors, name: "tensorflow" }, "cpu");
    requireRight({ errors, name: "tensorflow-gpu" }, "gpu");
  });

  test.each([
    ["TF32 in place of float32", 1e-3],
    ["no number", null],
    ["NaN", Number.NaN],
  ])("%s is wrong", (_, error) => {
    const found = { errors: { ...errors, conv2d: error }, name: "tensorflow" } as const;
    expect(() => requireRight(found, "cpu")).toThrow(/misses plain arithmetic: conv2d/);
  });

  test("a GPU build on the CPU is called by its name", () => {
    expect(() => requireRight({ errors, name: "tensorflow" }, "gpu")).toThrow("fell back to the CPU");
  });
});

describe("machines", () => {
  test.each([
    [{ platform: "linux", arch: "x64", glibc: "2.36" }, null],
    [{ platform: "linux", arch: "x64", glibc: "2.27" }, null],
    [{ platform: "linux", arch: "x64", glibc: "3.0" }, null],
    [{ platform: "linux", arch: "x64", glibc: "2.26" }, "this system's glibc is 2.26"],
    [{ platform: "linux", arch: "x64", glibc: null }, "this system's C library isn't glibc"],
    [{ platform: "linux", arch: "arm64", glibc: "2.36" }, "this is linux on arm64"],
    [{ platform: "darwin", arch: "x64", glibc: null }, "this is darwin on x64"],
  ])("%j: %s", (machine, why) => {
    expect(whyUnsupported(machine)).toBe(why);
    if (why === null) requireSupported(machine);
    else expect(() => requireSupported(machine)).toThrow(why);
  });
});

describe("what is taken out of a wheel", () => {
  test.each([
    ["tensorflow/libtensorflow_cc.so.2", "lib/libtensorflow_cc.so.2"],
    ["tensorflow/libtensorflow_framework.so.2", "lib/libtensorflow_framework.so.2"],
    ["tensorflow/include/tensorflow/c/c_api.h", "include/tensorflow/c/c_api.h"],
    ["tensorflow/include/tensorflow/c/eager/c_api.h", "include/tensorflow/c/eager/c_api.h"],
    ["tensorflow/include/xla/tsl/c/tsl_status.h", "include/xla/tsl/c/tsl_status.h"],
    ["tensorflow/include/tsl/platform/ctstring.h", "include/tsl/platform/ctstring.h"],
    ["tensorflow/include/unsupported/Eigen/Tensor.h", null],
    ["tensorflow/python/_pywrap_tensorflow_internal.so", null],
    ["tensorflow/__init__.py", null],
  ])("%s → %s", (name, target) => expect(targetInWheel(name)).toBe(target));

  test.each([
    ["nvidia/cublas/lib/libcublas.so.12", "cublas/lib/libcublas.so.12"],
    ["nvidia/cublas/include/cublas.h", null],
    ["nvidia_cublas_cu12-12.9.3.13.dist-info/METADATA", null],
  ])("%s → %s", (name, target) => expect(targetInCudaWheel(name)).toBe(target));
});

describe("why a faster backend isn't used, and what to do for it", () => {
  const here = { unsupported: null, hasGpu: true };
  test.each([
    ["tensorflow: not installed", here, "consilium-site engine install --from-pypi"],
    ["tensorflow-gpu: not installed", here, "consilium-site engine install --from-pypi --gpu"],
    ["tensorflow-gpu: not installed", { ...here, hasGpu: false }, null],
    ["tensorflow: not installed", { ...here, unsupported: "this is linux on arm64" }, null],
    ["tensorflow-gpu: the GPU build fell back to the CPU: it found no usable GPU", here, "nvidia-smi"],
    ["tensorflow: other accounts may change the installed engine", here, "chmod"],
    ["tensorflow: /lib/libm.so.6: version `GLIBC_2.99' not found", here, "engine install"],
  ])("%s", (line, surroundings, remedy) => {
    const told = notUsed(line, surroundings);
    expect(`${told.backend}: ${told.why}`).toContain(line);
    if (remedy === null) expect(told.remedy).toBeNull();
    else expect(told.remedy).toContain(remedy);
  });
});
