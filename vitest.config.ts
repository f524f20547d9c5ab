import { defineConfig } from "vitest/config";

const TIMED = ["test/e2e/{faults,wire}.test.ts"];
const source = { conditions: ["consilium-source", "node"] };

/**
 * Unit tests run on the sources; `test/e2e` and `test/browser` start the built processes (`processes`), and of these
 * those whose rounds have deadlines that a busy machine would miss have the machine to themselves (`timed`).
 */
export default defineConfig({
  resolve: source,
  ssr: { resolve: source },
  test: {
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: "100%",
    setupFiles: ["test/propertySeed.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "{shared,certs,coordinator,site-agent,simulation}/**/src/**/*.test.ts",
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
          include: ["test/{e2e,browser}/**/*.test.ts"],
          exclude: TIMED,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: "timed",
          include: TIMED,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
