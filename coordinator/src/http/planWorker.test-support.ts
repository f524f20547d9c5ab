import { cp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "vite";

/** The thread that plans, as the build makes it, from these very sources. */
export async function buildPlanWorker(): Promise<{ readonly file: URL; remove(): Promise<void> }> {
  const root = path.resolve(import.meta.dirname, "../../..");
  // Beside the packages that it imports.
  const outDir = path.join(root, `node_modules/.cache/consilium-plan-${process.pid}-${Date.now()}`);
  await build({
    root,
    logLevel: "error",
    configFile: false,
    ssr: { resolve: { conditions: ["consilium-source"] }, noExternal: [/^@consilium/] },
    build: {
      ssr: true,
      outDir,
      emptyOutDir: false,
      rollupOptions: {
        input: { planWorker: path.join(import.meta.dirname, "planWorker.ts") },
        output: { entryFileNames: "src/[name].js", chunkFileNames: "src/[name].js" },
      },
    },
  });
  await writeFile(path.join(outDir, "package.json"), '{"type":"module"}');
  // Where `shared/kernel/src/instance.ts` looks for them, seen from the thread that it is now a part of.
  await cp(path.join(root, "shared/kernel/dist/kernel.wasm"), path.join(outDir, "dist/kernel.wasm"));
  return {
    file: new URL(`file://${path.join(outDir, "src/planWorker.js")}`),
    remove: () => rm(outDir, { recursive: true, force: true }),
  };
}
