import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { buildRelease } from "../release/build.ts";
import { modelCard } from "../release/card.ts";
import { RELEASE_PATHS } from "../release/manifest.ts";
import { PrivacyStatement } from "../release/statement.ts";
import { plannedCharges } from "./charges.ts";
import { modelSpecOfStudy } from "./network.ts";
import { InvalidStudy, type ResolvedStudy, resolveStudy } from "./resolve.ts";

function resolved(study: string, changes: Readonly<Record<string, unknown>>): ResolvedStudy {
  const folder = fileURLToPath(new URL(`../../studies/${study}/`, import.meta.url));
  const document = parseDocument(readFileSync(`${folder}study.yaml`, "utf8"));
  for (const [path, value] of Object.entries(changes)) document.setIn(path.split("."), value);
  const readReference = (path: string) => readFileSync(`${folder}${path}`, "utf8");
  return resolveStudy({ file: "study.yaml", text: document.toString(), readReference });
}

function faultOf(study: string, changes: Readonly<Record<string, unknown>>): string {
  try {
    resolved(study, changes);
  } catch (error) {
    if (error instanceof InvalidStudy) return error.message;
    throw error;
  }
  return "";
}

const SUBTYPES = { LumA: 1, LumB: 1.5, Her2: 3, "claudin-low": 3, Basal: 3, Normal: 5 };

describe("[CLW1] weights of classes", () => {
  test("reach the loss in the order of the label's values", () => {
    const { document } = resolved("deeptype-metabric", { "training.classWeights": SUBTYPES });
    const order = document.data.label.values.map(String);
    const { loss } = modelSpecOfStudy(document);
    expect(loss).toMatchObject({
      kind: "deeptype",
      classWeights: order.map((value) => Object.entries(SUBTYPES).find(([name]) => name === value)?.[1]),
    });
  });

  test("change no charge and no noise", () => {
    const [plain, weighted] = [{}, { "training.classWeights": SUBTYPES }].map(
      (changes) => resolved("deeptype-metabric", changes).document,
    );
    if (plain === undefined || weighted === undefined) throw new Error("there are two studies");
    expect(plannedCharges(weighted, "train")).toEqual(plannedCharges(plain, "train"));
    expect(weighted.privacy).toEqual(plain.privacy);
  });

  test("are warned of where clipping takes them back", () => {
    const changes = { "training.classWeights": SUBTYPES, "privacy.clipping": { mode: "automatic" } };
    const { warnings } = resolved("deeptype-metabric", changes);
    expect(warnings.map(({ message }) => message).join()).toContain("changes nothing for a patient of one class");
  });
});

test("[CLW2] the model card tells what a probability leans to", () => {
  const release = buildRelease(inputs, lead);
  const read = (path: string): unknown => JSON.parse(new TextDecoder().decode(release.get(path)));
  const privacy = PrivacyStatement.parse(read(RELEASE_PATHS.privacy));
  const { document } = inputs;
  const weighted = { ...document, training: { ...document.training, classWeights: { 0: 1, 1: 4.5 } } };
  const cardOf = (of: typeof document) =>
    modelCard({ ...inputs, document: of, privacy, gate: { passed: true, rules: [] } });
  expect(cardOf(weighted)).toContain("counted by their class (0: 1, 1: 4.5)");
  expect(cardOf(document)).not.toContain("counted by their class");
});

describe("[CLW2] weights that no study has", () => {
  test.each([
    ["a class without one", "heart", { "training.classWeights": { 0: 1 } }, "has no weight for '1'"],
    ["a class that isn't", "heart", { "training.classWeights": { 0: 1, 1: 2, ill: 3 } }, "is no value of the label"],
    ["none at all", "heart", { "training.classWeights": { 0: 1, 1: 0 } }, "training.classWeights.1"],
    ["a misprint", "heart", { "training.classWeights": { 0: 1, 1: 1e6 } }, "training.classWeights.1"],
    ["of times", "tcga-brca", { "training.classWeights": { 0: 1, 1: 2 } }, "would bias hazards"],
    ["of a generator", "trial", { "training.classWeights": { active: 1, placebo: 2 } }, "are of a classifier's loss"],
  ])("%s", (_, study, changes, told) => expect(faultOf(study, changes)).toContain(told));
});
