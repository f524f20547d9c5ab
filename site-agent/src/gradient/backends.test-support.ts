import { type BackendName, nativeInstalled, startBackend } from "@consilium/engine/backend";
import { expect } from "vitest";

/** What this machine computes with: WebAssembly always, a native engine where production would find one. */
export const BACKENDS: readonly ("wasm" | "native")[] = nativeInstalled() ? ["wasm", "native"] : ["wasm"];

/** Starts the very backend, for one that quietly gave way to another would be tested twice or never. */
export async function startExactly(backend: (typeof BACKENDS)[number]): Promise<void> {
  const best: BackendName = backend === "wasm" ? "wasm" : "tensorflow-gpu";
  const { name, notUsed } = await startBackend(best);
  expect(name === "wasm", notUsed.join("; ")).toBe(backend === "wasm");
}
