import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Every file is served by the page's own command: no font, script or style comes from elsewhere. */
export default defineConfig({
  root: dirname(fileURLToPath(import.meta.url)),
  plugins: [react()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    // All code comes with the page: what is fetched later may come from a program that took the port over.
    rollupOptions: { output: { inlineDynamicImports: true } },
  },
});
