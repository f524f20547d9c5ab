import { cp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "vite";

export interface BuiltProgram {
  readonly main: URL;
  readonly noiseWorker: URL;
  readonly deviceWorker: URL;
  remove(): Promise<void>;
}

/** The engine's program and its workers as the build makes them, from these very sources. */
export async function buildEngineProgram(): Promise<BuiltProgram> {
  const root = path.resolve(import.meta.dirname, "../../..");
  const source = path.join(root, "site-agent/src");
  // Beside the packages that it imports.
  const outDir = path.join(root, `node_modules/.cache/consilium-engine-${process.pid}-${Date.now()}`);
  await build({
    root,
    logLevel: "error",
    configFile: false,
    ssr: {
      resolve: { conditions: ["consilium-source"] },
      noExternal: [/^@consilium/],
      external: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm", "zod"],
    },
    build: {
      ssr: true,
      outDir,
      emptyOutDir: false,
      rollupOptions: {
        input: {
          main: `${source}/engine/main.ts`,
          noiseWorker: `${source}/noise/noiseWorker.ts`,
          deviceWorker: `${source}/device/deviceWorker.ts`,
        },
        output: { entryFileNames: "src/[name].js", chunkFileNames: "src/[name].js" },
      },
    },
  });
  await writeFile(path.join(outDir, "package.json"), '{"type":"module"}');
  // Where `shared/kernel/src/instance.ts` looks for them, seen from the program that it is now a part of.
  await cp(path.join(root, "shared/kernel/dist/kernel.wasm"), path.join(outDir, "dist/kernel.wasm"));
  const file = (name: string) => new URL(`file://${path.join(outDir, "src", name)}`);
  return {
    main: file("main.js"),
    noiseWorker: file("noiseWorker.js"),
    deviceWorker: file("deviceWorker.js"),
    remove: () => rm(outDir, { recursive: true, force: true }),
  };
}
