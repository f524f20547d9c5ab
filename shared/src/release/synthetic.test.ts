import { parquetReadObjects } from "hyparquet";
import { describe, expect, test } from "vitest";
import { trialDocument } from "../../../test/support/trialStudy.ts";
import type { UtilityReport } from "../audit/report.ts";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { type GeneratorChoice, pickedPlaces } from "../generator/choice.ts";
import { initialGenerator } from "../generator/network.ts";
import { encodeReleased, releasedTable } from "../generator/released.ts";
import { keptRounds } from "../generator/rule.ts";
import { LedgerBody } from "../ledger/entry.ts";
import { modelDigest } from "../model/modelDigest.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { SYNTHETIC_PATHS } from "./manifest.ts";
import { csvText, parquetBytes, type SyntheticInputs, syntheticFiles } from "./synthetic.ts";
import { syntheticHolds } from "./syntheticCheck.ts";

const whole = trialDocument();
const { generator: rule } = whole;
if (rule === undefined) throw new Error("the trial's study makes records");
const document = { ...whole, generator: { ...rule, records: 40, best: 2 } };
const round = 60;
const rounds = [...keptRounds(document.generator, round)];
const sites = document.sites.map(({ name }, index) => ({ site: name, chosen: index < 3 ? [2, 0] : [1, 2] }));
const generators = pickedPlaces(document, sites, rounds.length, 2).map((place) => {
  const parameters = initialGenerator({ ...document.generator, seed: place }, modelSpecOfStudy(document));
  return { round: rounds[place] ?? 0, parameters };
});
const choice: GeneratorChoice = {
  ...{ round, rounds, sites, candidates: digestOf("classifiers") },
  picked: generators.map((own) => ({ round: own.round, digest: modelDigest(own.parameters) })),
};
const figure = { state: "not-resolvable", why: "too few" } as const;
const utility: UtilityReport = {
  made: digestOf(encodeReleased(document, generators)),
  sites: [],
  evaluation: { accuracy: figure },
};
const audit: SyntheticInputs["audit"] = { verdict: { kind: "no-power", words: "Nothing can be told." }, utility };
const privacy: SyntheticInputs["privacy"] = {
  ...{ delta: document.privacy.delta, sites: [] },
  guarantee: { basis: "spent", epsilon: 3 },
};

const booked = (of: GeneratorChoice) =>
  of.sites.map(({ site }) => {
    const charge = `${document.name}/choose-${round}.1/${site}/validation`;
    return { body: LedgerBody.parse({ kind: "committed", charge, result: digestOfJson(of) }) };
  });

const release = (of: GeneratorChoice = choice, by = generators) => {
  const files = syntheticFiles({ document, choice: of, generators: by, audit, privacy });
  return {
    ...{
      document,
      audit,
      privacy,
      entries: booked(of),
      manifest: { choice: of, model: { round, digest: utility.made } },
    },
    read: (path: string) => files.get(path) ?? new Uint8Array(),
  };
};

describe("[GEN11] verify makes a release's synthetic records again", () => {
  test("a good one holds, and so does a study without a generator", () => {
    expect(syntheticHolds(release())).toBe(true);
    const { generator: _, ...none } = document;
    expect(syntheticHolds({ ...release(), document: none, manifest: { model: release().manifest.model } })).toBe(true);
  });

  const [first, second] = generators;
  if (first === undefined || second === undefined) throw new Error("two are picked");
  const other = { ...first, parameters: first.parameters.map((value) => value + 0.1) };
  const swap = (path: string, bytes: Uint8Array) => {
    const good = release();
    return { ...good, read: (asked: string) => (asked === path ? bytes : good.read(asked)) };
  };
  const text = (path: string): string => new TextDecoder().decode(release().read(path));
  const edited = (path: string, from: RegExp, to: string) =>
    swap(path, new TextEncoder().encode(text(path).replace(from, to)));

  test.each<[string, () => Parameters<typeof syntheticHolds>[0]]>([
    ["another generator than the one chosen", () => release(choice, [other, second])],
    ["a generator too few", () => release(choice, [first])],
    [
      "generators in another order",
      () => release({ ...choice, picked: [...choice.picked].reverse() }, [second, first]),
    ],
    [
      "picks that nobody made",
      () => release({ ...choice, sites: choice.sites.map((own) => ({ ...own, chosen: [0, 1] })) }),
    ],
    ["too few sites", () => release({ ...choice, sites: choice.sites.slice(0, 2) })],
    ["a candidate left out", () => release({ ...choice, rounds: choice.rounds.slice(1) })],
    [
      "a choice of another round",
      () => ({ ...release(), manifest: { choice, model: { round: 80, digest: utility.made } } }),
    ],
    ["a choice that the ledger doesn't have", () => ({ ...release(), entries: [] })],
    ["no choice at all", () => ({ ...release(), manifest: { model: release().manifest.model } })],
    ["an altered record", () => edited(SYNTHETIC_PATHS.records, /,(\d+)\.?\d*,/, ",99,")],
    ["another card", () => edited(SYNTHETIC_PATHS.card, /40 records/, "41 records")],
    ["a Parquet file of something else", () => swap(SYNTHETIC_PATHS.parquet, release().read(SYNTHETIC_PATHS.records))],
    [
      "an audit of other records",
      () => ({ ...release(), audit: { ...audit, utility: { ...utility, made: digestOf("else") } } }),
    ],
  ])("refused: %s", (_lie, tell) => {
    const holds = (): boolean => {
      try {
        return syntheticHolds(tell());
      } catch {
        return false; // As verify takes a rule that can't even be evaluated.
      }
    };
    expect(holds()).toBe(false);
  });
});

describe("[GEN5] a table as files", () => {
  const table = {
    columns: ["a", 'b"'],
    rows: [
      [1.5, "x,y"],
      [null, 'say "no"'],
      [-2, null],
    ],
  };

  test("CSV quotes what it must and leaves missing values empty", () => {
    expect(csvText(table)).toBe('a,"b"""\n1.5,"x,y"\n,"say ""no"""\n-2,\n');
  });

  test("Parquet holds the same values, numbers as numbers", async () => {
    const bytes = parquetBytes(table);
    const rows = await parquetReadObjects({ file: bytes.buffer.slice(0, bytes.length) as ArrayBuffer });
    expect(rows).toEqual([
      { a: 1.5, 'b"': "x,y" },
      { a: null, 'b"': 'say "no"' },
      { a: -2, 'b"': null },
    ]);
    const made = releasedTable(document, generators);
    const read = await parquetReadObjects({ file: parquetBytes(made).buffer as ArrayBuffer });
    expect(read).toHaveLength(40);
    expect(Object.keys(read[0] ?? {})).toEqual(made.columns);
    expect(Object.values(read[7] ?? {})).toEqual(made.rows[7]);
  });
});
