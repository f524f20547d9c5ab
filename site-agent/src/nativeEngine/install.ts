import { chmod, cp, link, mkdir, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BINDING_VERSION, type NativeKind, type NativeRecord, recordFile } from "@consilium/engine/nativeEngine";
import { Failure } from "@consilium/shared/failure/failure";
import { compile, findCompiler } from "./compile.ts";
import { sha256OfFile } from "./digest.ts";
import { obtainPackage, obtainWheel, onlyFile, type Surroundings } from "./fetch.ts";
import type { Inputs } from "./inputs.ts";
import { librariesIn, targetInCudaWheel, unpackLibrary, untarPackage } from "./library.ts";
import { alone } from "./lock.ts";
import { BINDING_PIN, CUDA_PINS, HEADERS_PIN, LIBRARY_PIN, type Pin } from "./pins.ts";
import { requireSupported, thisMachine } from "./platform.ts";
import { type ProbeFindings, runProbe } from "./probeOrder.ts";
import { SELF_TEST_ERROR_MAX } from "./selfTest.ts";
import { exists, runSteps, type Step } from "./steps.ts";
import { unzip } from "./zip.ts";

export interface InstallOptions extends Surroundings {
  /** Folder of engines. */
  readonly folder: string;
  readonly kind: NativeKind;
  readonly inputs: Inputs;
  /** Digest of a library that isn't the pinned one. */
  readonly sha256: string | null;
  readonly now: () => Date;
}

/** While it is installed: wheel, what is taken out of it, NVIDIA's libraries twice. */
const ROOM_BYTES: Readonly<Record<NativeKind, number>> = { cpu: 2e9, gpu: 12e9 };

/**
 * Makes an engine in a folder beside its place, proves it there and renames it into its place: until that moment what
 * was installed before goes on being used, and a process that runs on it keeps its files.
 */
export async function install(options: InstallOptions): Promise<NativeRecord> {
  requireSupported(thisMachine());
  const { folder, kind } = options;
  const pin = libraryPin(options);
  const compiler = await findCompiler(options.environment);
  return alone(folder, async () => {
    const work = join(folder, `.installing-${kind}-${pin.sha256.slice(0, 12)}`);
    if (!(await exists(join(work, "library")))) await requireRoom(folder, ROOM_BYTES[kind]);
    await runSteps(work, stepsOf(options, pin, work, compiler), options.say);
    const record = await prove(join(work, "engine"), work, options, pin);
    await publish(join(work, "engine"), join(folder, kind));
    for (const name of await readdir(folder)) {
      if (name.startsWith(`.installing-${kind}-`)) await rm(join(folder, name), { recursive: true });
    }
    return record;
  });
}

function libraryPin({ kind, sha256, inputs }: InstallOptions): Pin {
  const pinned = LIBRARY_PIN[kind];
  return sha256 === null || inputs.library === null ? pinned : { ...pinned, sha256 };
}

function stepsOf(options: InstallOptions, pin: Pin, work: string, compiler: string): Step[] {
  const { inputs, kind } = options;
  const at = (name: string): string => join(work, name);
  return [
    {
      title: inputs.library === null ? `Fetch ${pin.requirement} by pip` : "Check the library's digest",
      makes: "archive",
      run: (folder) => obtainWheel(inputs.library, pin, folder, options),
    },
    {
      title: "Unpack libtensorflow and its C headers",
      makes: "library",
      run: async (folder) => unpackLibrary(await onlyFile(at("archive")), folder),
    },
    ...(kind === "gpu" ? [cudaStep(options)] : []),
    {
      title: `Fetch ${BINDING_PIN.requirement} and ${HEADERS_PIN.requirement} by npm`,
      makes: "packages",
      run: async (folder) => {
        for (const [name, one] of [["binding", BINDING_PIN] as const, ["headers", HEADERS_PIN] as const]) {
          const archive = join(folder, `${name}-archive`);
          await mkdir(archive);
          await obtainPackage(inputs[name], one, archive, options);
          await untarPackage(await onlyFile(archive), folder, name);
        }
      },
    },
    {
      title: `Compile the binding with ${compiler}`,
      makes: "compiled",
      run: (folder) =>
        compile({
          compiler,
          binding: at("packages/binding"),
          headers: at("packages/headers"),
          library: at("library"),
          output: join(folder, "tfjs_binding.node"),
        }),
    },
    { title: "Put the engine together", makes: "engine", run: (folder) => assemble(folder, work) },
  ];
}

/** From files alone, the machine's own CUDA is used: libtensorflow asks the system where it finds none beside it. */
function cudaStep({ inputs, ...around }: InstallOptions): Step {
  const isFetched = inputs.library === null;
  return {
    title: isFetched ? "Fetch NVIDIA's libraries by pip (3 GB)" : "Unpack NVIDIA's libraries that were brought along",
    makes: "nvidia",
    run: async (folder) => {
      for (const pin of CUDA_PINS) {
        const brought = inputs.cuda.find((file) => file.includes(`/${pin.file}`)) ?? null;
        if (brought === null && !isFetched) continue;
        around.say(`    ${pin.requirement}`);
        const archive = join(folder, "archive");
        await mkdir(archive);
        await obtainWheel(brought, pin, archive, around);
        await unzip(await onlyFile(archive), (name) => {
          const target = targetInCudaWheel(name);
          return target === null ? null : join(folder, target);
        });
        await rm(archive, { recursive: true });
      }
    },
  };
}

/** What stands in for TF.js as a whole; `loadNative` gives it the product's own core before anything asks. */
const STAND_IN = "// The program that loads this engine puts its own TF.js core in this place.\n";
/** Describes TensorBoard's files, which nothing here writes; so no library for protocol buffers is needed. */
const NO_MESSAGES = "module.exports = {};\n";

/** Everything that is needed at run time; the libraries are linked, not copied, so that a step can be repeated. */
async function assemble(folder: string, work: string): Promise<void> {
  const library = join(work, "library", "lib");
  await mkdir(join(folder, "lib"), { mode: 0o755 });
  for (const name of await librariesIn(library)) await link(join(library, name), join(folder, "lib", name));
  const isNeeded = (path: string): boolean => !/(_test|run_tests)\.js$|\.d\.ts$|api_pb\.js$/.test(path);
  await cp(join(work, "packages/binding/dist"), join(folder, "dist"), { recursive: true, filter: isNeeded });
  await writeFile(join(folder, "dist/proto/api_pb.js"), NO_MESSAGES);
  for (const name of ["tfjs", "tfjs-core"]) {
    const place = join(folder, "node_modules/@tensorflow", name);
    await mkdir(place, { recursive: true, mode: 0o755 });
    await writeFile(join(place, "index.js"), STAND_IN);
  }
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "commonjs" }\n');
  await cp(join(work, "compiled/tfjs_binding.node"), join(folder, "tfjs_binding.node"));
  if (await exists(join(work, "nvidia"))) await linkTree(join(work, "nvidia"), join(folder, "nvidia"));
  // Whatever this account's umask: others may read an engine, and only its owner may change it.
  for (const name of [".", "lib", "tfjs_binding.node"]) await chmod(join(folder, name), 0o755);
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else await link(source, target);
  }
}

/** Runs the self-test in a process of its own and writes the record: an engine without one isn't loaded. */
async function prove(engine: string, work: string, options: InstallOptions, pin: Pin): Promise<NativeRecord> {
  options.say("Self-test against plain loops, in a process of its own …");
  const findings = await runProbe({ directory: engine, measures: false }, options.folder);
  requireRight(findings, options.kind);
  const archive = await onlyFile(join(work, "archive"));
  const record: NativeRecord = {
    format: 1,
    kind: options.kind,
    tensorflow: findings.tensorflow ?? "unknown",
    binding: BINDING_VERSION,
    sources: [
      { name: pin.requirement, sha256: await sha256OfFile(archive) },
      ...[BINDING_PIN, HEADERS_PIN].map(({ requirement: name, sha256 }) => ({ name, sha256 })),
    ],
    selfTest: {
      errors: Object.fromEntries(Object.entries(findings.errors).map(([name, error]) => [name, error ?? 0])),
      usesGpu: findings.name === "tensorflow-gpu",
    },
    installedAt: options.now().toISOString(),
  };
  await writeFile(recordFile(engine), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
  return record;
}

/** Refuses an engine that computes wrongly, and a GPU's that computes on the processor. */
export function requireRight({ errors, name }: Pick<ProbeFindings, "errors" | "name">, kind: NativeKind): void {
  const wrong = Object.entries(errors).filter(([, error]) => error === null || !(error <= SELF_TEST_ERROR_MAX));
  if (wrong.length > 0) {
    const list = wrong.map(([operation, error]) => `${operation} by ${error ?? "not a number"}`).join(", ");
    throw new Failure({
      code: "engine/computes-wrongly",
      kind: "fault",
      what: `The engine was built, but misses plain arithmetic: ${list}. It was not installed.`,
      remedy: "Use another library, or none: the WebAssembly engine goes on being used.",
    });
  }
  if (kind === "gpu" && name !== "tensorflow-gpu") {
    throw new Failure({
      code: "engine/gpu-fell-back",
      kind: "config",
      what: "The GPU build fell back to the CPU: it found no usable GPU. It was not installed.",
      remedy:
        "See that `nvidia-smi` names a GPU (driver 525 or later) and repeat; finished steps are kept. Else leave out --gpu.",
    });
  }
}

/** A rename can't replace a folder that isn't empty: the old one steps aside first. */
async function publish(engine: string, place: string): Promise<void> {
  const old = `${place}.old`;
  await rm(old, { recursive: true, force: true });
  if (await exists(place)) await rename(place, old);
  await rename(engine, place);
  await rm(old, { recursive: true, force: true });
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const gigabytes = (value: number): string => (value / 1e9).toFixed(1);
  throw new Failure({
    code: "engine/no-room",
    kind: "config",
    what: `Installing needs ${gigabytes(bytes)} GB in ${folder}; ${gigabytes(free)} GB are free.`,
    remedy: "Free some, or name a folder on another disk: --folder DIR",
  });
}
