import { readdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { runTool } from "./tool.ts";
import { unzip } from "./zip.ts";

/** The library's own names, in TensorFlow's wheel and in the archive for C programs. */
const LIBRARY = /^libtensorflow(_cc|_framework)?\.so\.2$/;
const HEADER = /^tensorflow\/include\/((?:.*\/)?tensorflow\/c\/|tensorflow\/core\/platform\/ctstring|.*tsl\/)/;

/** Where a file of a TensorFlow wheel goes: the two libraries and the C headers; null for the other 19,000. */
export function targetInWheel(name: string): string | null {
  const [top, file = ""] = name.split("/");
  if (top === "tensorflow" && LIBRARY.test(file)) return join("lib", file);
  if (!name.endsWith(".h")) return null;
  const isNeeded = HEADER.test(name) && /\/(c|platform)\/[^/]*\.h$|\/c\/eager\/[^/]*\.h$/.test(name);
  return isNeeded ? join("include", name.slice("tensorflow/include/".length)) : null;
}

/** Where a file of one of NVIDIA's wheels goes: libraries opened at run time, and the assembler beside them. */
export function targetInCudaWheel(name: string): string | null {
  return /^nvidia\/[^/]+\/(lib|bin|nvvm)\//.test(name) ? name.slice("nvidia/".length) : null;
}

/** Makes `lib` and `include` in the folder, from TensorFlow's wheel or its archive for C programs. */
export async function unpackLibrary(archive: string, folder: string): Promise<void> {
  if (archive.endsWith(".whl")) {
    await unzip(archive, (name) => {
      const target = targetInWheel(name);
      return target === null ? null : join(folder, target);
    });
  } else {
    await untar(archive, folder);
  }
  const libraries = await librariesIn(join(folder, "lib")).catch(() => []);
  if (libraries.length === 2) return;
  throw new Failure({
    code: "engine/no-library",
    kind: "refused",
    what: `${basename(archive)} holds no libtensorflow with its framework.`,
    remedy: "Use the wheel of tensorflow-cpu (or tensorflow, with --gpu) for Linux on x86-64.",
  });
}

/** The library to link with and its framework; links to them, which archives have too, are left aside. */
export async function librariesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => LIBRARY.test(name)).sort();
}

/** npm's and libtensorflow's archives; a glibc system without tar is not known. */
export async function untar(archive: string, folder: string): Promise<void> {
  const { status, tail } = await runTool("tar", ["-xzf", archive, "-C", folder, "--no-same-owner"]);
  if (status === 0) return;
  throw new Failure({
    code: "engine/unreadable-archive",
    kind: "refused",
    what: `${basename(archive)} can't be unpacked: ${tail.at(-1) ?? "there is no tar"}.`,
    remedy: "Fetch it again.",
  });
}

/** Unpacks an npm package, whose files lie under `package/`, to a folder's own `name`. */
export async function untarPackage(archive: string, folder: string, name: string): Promise<void> {
  await untar(archive, folder);
  await rename(join(folder, "package"), join(folder, name));
}
