import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveStudy } from "@consilium/shared/study/resolve";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import { studyReferences } from "@consilium/storage/studyFile";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { recordPaths } from "./order.ts";
import { pointsOf, studyAt } from "./points.ts";
import { patientsOfSite, recordsOf, splitKeyOf } from "./records.ts";
import { readSweep } from "./sweepFile.ts";

const STUDIES = fileURLToPath(new URL("../../shared/studies/", import.meta.url));
const sweeps = readdirSync(STUDIES, { recursive: true, encoding: "utf8" }).filter((path) =>
  /sweep[^/]*\.yaml$/.test(path),
);
/** Whose records somebody brings along or makes: their studies may name files that are not there yet. */
const BROUGHT = ["genomics/copy-number", "genomics/expression-2000"];
const shipped = sweeps.filter((path) => !BROUGHT.includes(dirname(path)));

describe("[SIM9] studies whose weights are their user's", () => {
  test.each(["chest-films/study-224.yaml", "chest-films/study-256.yaml", "retina/study.yaml"])(
    "%s: all but the weights",
    (path) => {
      const file = join(STUDIES, path);
      const document = parseDocument(readFileSync(file, "utf8"));
      const { preset, input } = document.toJS().model;
      document.set("model", { preset, input });
      const study = resolveStudy({ file, text: document.toString(), ...studyReferences(file) });
      expect(study.document.sites.length).toBeGreaterThan(1);
    },
  );
});

describe("[SIM9] sweeps that are shipped", () => {
  test("there are some", () => expect(shipped.length).toBeGreaterThan(8));

  test.each(shipped)("%s: every point is a study", (path) => {
    const sweep = readSweep(join(STUDIES, path));
    for (const point of pointsOf(sweep))
      expect(studyAt(sweep, point)).toMatchObject({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test.each([...new Set(shipped.map(dirname))])(
    "%s: its records meet the contract, with the patients stated",
    async (folder) => {
      const first = shipped.find((path) => dirname(path) === folder) ?? "";
      const sweep = readSweep(join(STUDIES, first));
      const [point] = pointsOf(sweep);
      if (point === undefined) throw new Error("a sweep has a point");
      const { document } = studyAt(sweep, point);
      const records = recordPaths(
        sweep,
        document.sites.map(({ name }) => name),
      );
      for (const { name, patients: stated } of document.sites) {
        expect(existsSync(recordsOf(records, name))).toBe(true);
        const from = { path: recordsOf(records, name), splitKey: splitKeyOf(1, name), random: operatingSystemRandom };
        const train = patientsOf(await patientsOfSite(document, name, from), "train").length;
        // A hash deals the parts where the data name none: a few more or less.
        expect(Math.abs(train - stated)).toBeLessThanOrEqual(
          document.data.split === undefined ? 0.15 * stated + 12 : 0,
        );
      }
    },
  );
});
