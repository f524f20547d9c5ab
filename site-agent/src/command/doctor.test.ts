import { expect, test } from "vitest";
import { type Check, withoutEchoes } from "./doctor.ts";

test("a fault that fails several checks is told once, and the others name the check that told it", () => {
  const passed = (name: string, finding: string): Check => ({ name, passed: true, finding, remedy: "" });
  const failed = (name: string, finding: string): Check => ({ name, passed: false, finding, remedy: "Correct it." });
  const [keys, clock, agent] = [passed("keys", "broken"), passed("clock", "right"), failed("agent", "not running")];
  expect(
    withoutEchoes([
      keys,
      failed("settings", "broken"),
      clock,
      agent,
      failed("coordinator", "broken"),
      failed("ledger", "broken"),
    ]),
  ).toEqual([
    keys,
    failed("settings", "broken"),
    clock,
    agent,
    { name: "coordinator", passed: false, finding: "not checked: see settings", remedy: "" },
    { name: "ledger", passed: false, finding: "not checked: see settings", remedy: "" },
  ]);
});
