import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { librariesIn } from "./library.ts";
import { runTool } from "./tool.ts";

/** The C++ compiler of this machine. */
export async function findCompiler(environment: NodeJS.ProcessEnv): Promise<string> {
  const named = environment.CXX;
  for (const command of [...(named === undefined || named === "" ? [] : [named]), "g++", "c++", "clang++"]) {
    if ((await runTool(command, ["--version"], { environment })).status === 0) return command;
  }
  throw new Failure({
    code: "engine/no-compiler",
    kind: "config",
    what: "The binding between Node and libtensorflow is compiled here, and there is no C++ compiler.",
    remedy: "Install g++ (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++), then run this again.",
  });
}

export interface CompileOptions {
  readonly compiler: string;
  /** The package with the binding's sources. */
  readonly binding: string;
  /** The package with Node-API's headers. */
  readonly headers: string;
  /** Folder with `lib` and `include`. */
  readonly library: string;
  readonly output: string;
}

/** Two sources and one call: the package's own way, node-gyp, does the same and needs Python and make. */
export async function compile(options: CompileOptions): Promise<void> {
  const { compiler, binding, headers, library, output } = options;
  const lib = join(library, "lib");
  const { status, tail } = await runTool(compiler, [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-pthread", "-DNAPI_VERSION=8", "-DNODE_GYP_MODULE_NAME=tfjs_binding"],
    ...["-I", join(library, "include"), "-I", join(headers, "include")],
    ...["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(binding, "binding", name)),
    ...["-o", output, "-L", lib, ...(await librariesIn(lib)).map((name) => `-l:${name}`)],
    // The engine's folder can be moved as a whole.
    "-Wl,-rpath,$ORIGIN/lib",
  ]);
  if (status === 0) return;
  const error = tail.find((line) => /error|cannot find/i.test(line)) ?? tail.at(-1) ?? "it said nothing";
  throw new Failure({
    code: "engine/compile-failed",
    kind: "fault",
    what: `${compiler} could not compile the binding: ${error.slice(0, 300)}`,
    remedy: "It needs C++17 (g++ 8 or later). With CXX=COMMAND another compiler is taken.",
  });
}
