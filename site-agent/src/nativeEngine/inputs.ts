import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { BINDING_PIN, CUDA_PINS, HEADERS_PIN } from "./pins.ts";

/** Files that whoever installs has brought along, each null where it is to be fetched. */
export interface Inputs {
  readonly library: string | null;
  readonly binding: string | null;
  readonly headers: string | null;
  /** NVIDIA's wheels; none: what this machine has of CUDA is used. */
  readonly cuda: readonly string[];
}

export const NO_INPUTS: Inputs = { library: null, binding: null, headers: null, cuda: [] };

const LIBRARY_FILE = /^(tensorflow(_cpu)?-.*\.whl|libtensorflow.*\.(tar\.gz|tgz))$/;

/** From files, or one folder that holds them; they are told apart by their names and trusted by their digests. */
export async function readInputs(paths: readonly string[]): Promise<Inputs> {
  const files = (await Promise.all(paths.map(filesAt))).flat();
  const inputs = inputsAmong(files);
  if (inputs.library !== null) return inputs;
  throw new Failure({
    code: "engine/no-library",
    kind: "usage",
    what: `There is no wheel of TensorFlow and no archive of libtensorflow among: ${files.map((file) => basename(file)).join(", ") || "nothing"}.`,
    remedy: "Name the wheel (tensorflow_cpu-….whl), or a folder that holds it.",
  });
}

export function inputsAmong(files: readonly string[]): Inputs {
  const find = (matches: (name: string) => boolean): string | null =>
    files.find((file) => matches(basename(file))) ?? null;
  return {
    library: find((name) => LIBRARY_FILE.test(name)),
    binding: find((name) => name === BINDING_PIN.file),
    headers: find((name) => name === HEADERS_PIN.file),
    cuda: files.filter((file) => CUDA_PINS.some((pin) => basename(file).startsWith(pin.file))),
  };
}

async function filesAt(path: string): Promise<string[]> {
  const full = resolve(path);
  const found = await stat(full).catch((cause: unknown) => {
    throw new Failure({
      code: "file/unreadable",
      kind: "usage",
      what: `${path} can't be read.`,
      remedy: "Check the path and its permissions.",
      cause,
    });
  });
  return found.isDirectory() ? (await readdir(full)).map((name) => join(full, name)) : [full];
}
