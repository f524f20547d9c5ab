import { defineConfig } from "vitest/config";

const source = { conditions: ["consilium-source", "node"] };

/** Unit tests run on the sources; `test/e2e`, `test/browser` start the built processes. */
export default defineConfig({
  resolve: source,
  ssr: { resolve: source },
  test: {
    testTimeout: 120_000,
    setupFiles: ["test/propertySeed.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "{shared,certs,coordinator,site-agent}/**/src/**/*.test.ts",
            "test/*.test.ts",
            "test/{bench,contract,simulation,privacy}/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/dist/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "processes",
          include: ["test/{e2e,browser,attack}/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
