import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldUpperEpsilon } from "../accountant/pld.ts";
import { PrivacyEvent } from "../event/event.ts";
import { Part } from "../ledger/entry.ts";
import { eventsOf } from "./noise.ts";
import { resolveStudy } from "./resolve.ts";
import { costliestSchedule, scheduleEpsilon, scheduleEpsilons } from "./scheduleEpsilon.ts";

describe("[ACC37] ε of a signed schedule", () => {
  const HEART = new URL("../../studies/heart/", import.meta.url);
  const { document } = resolveStudy({
    file: "study.yaml",
    text: readFileSync(new URL("study.yaml", HEART), "utf8"),
    readReference: (path) => readFileSync(new URL(path, HEART), "utf8"),
  });
  const { delta } = document.privacy;

  test("is the PLD's for each part, and never above what caps count", () => {
    const parts = scheduleEpsilons(document);
    for (const part of Part.options) {
      const events = eventsOf(document, part);
      expect(parts[part]).toEqual({ accountant: "pld", epsilon: pldUpperEpsilon(events, delta) });
      expect(parts[part].epsilon).toBeLessThanOrEqual(epsilonOfEvents(events, delta));
    }
  });

  test("for one site is its costliest part's; for two sites the costliest pair's, however many pairs there are", () => {
    const figure = (events: readonly PrivacyEvent[]) => pldUpperEpsilon(events, delta);
    const parts = Part.options.map((part) => eventsOf(document, part));
    expect(costliestSchedule(document, 1).epsilon).toBe(Math.max(...parts.map(figure)));
    const pairs = parts.flatMap((a) => parts.map((b) => figure([...a, ...b])));
    expect(costliestSchedule(document, 2).epsilon / Math.max(...pairs) - 1).toBeCloseTo(0, 9);
  });

  test("is the RDP accountant's where there is no loss distribution", () => {
    const told = eventsOf(document, "train").map((event) => PrivacyEvent.parse(without(event)));
    expect(scheduleEpsilon(told, delta)).toEqual({ accountant: "rdp", epsilon: epsilonOfEvents(told, delta) });
  });

  /** As ledgers before it was told on which grid noise was drawn. */
  function without(event: PrivacyEvent): unknown {
    if (event.kind !== "poisson-gaussian") return event;
    const { gridStdDev: _, ...older } = event;
    return older;
  }
});
