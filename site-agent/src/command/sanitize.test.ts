import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { readStudyFile } from "@consilium/storage/studyFile";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { contentOf } from "../contract/content.ts";
import { checkContract } from "../contract/prepare.ts";
import { openSite } from "../control/site.ts";
import { show } from "./budget.ts";
import type { CommandContext } from "./context.ts";
import { register } from "./datasets.ts";
import { joinedSite } from "./joinedSite.test-support.ts";
import { openNamed } from "./localFile.ts";
import { type SanitizeOptions, sanitizeData } from "./sanitize.ts";
import { labelRuleOf, ownOptions } from "./sanitizeMethod.ts";
import { add } from "./steward.ts";

const SCHEMA = fileURLToPath(new URL("../../../shared/studies/heart/study.yaml", import.meta.url));
const { document } = readStudyFile(SCHEMA);
/** The same study's schema by itself. */
const BARE = { schema: join(dirname(SCHEMA), "schema.yaml"), roles: { labelColumn: document.data.label.name } };

let root = "";
let records = "";
let context: CommandContext;
let printed: string[] = [];
let said: string[] = [];
let results: unknown[] = [];

beforeAll(async () => {
  const site = await joinedSite({
    isJson: false,
    result: (value, lines) => {
      results.push(value);
      printed.push(...lines);
    },
    say: (line) => void said.push(line),
  });
  ({ root, records, context } = site);
  await writeFile(join(root, "second"), "another battery entirely", { mode: 0o600 });
  const newPasswordFile = join(root, "second");
  await add(context, "Dr. Koch", { newPasswordFile, reason: undefined, steward: signing("right") });
}, 30_000);
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  [printed, said, results] = [[], [], []];
});

function signing(password: string) {
  return { passwordFile: join(root, password), isSure: true };
}

function options(changes: Partial<SanitizeOptions> = {}): SanitizeOptions {
  return {
    ...{ input: "heart", out: join(root, "out.csv"), schema: SCHEMA, roles: {}, labels: labelRuleOf("randomised:0.5") },
    ...{ method: "dct-laplace", epsilon: 1, promise: "record", coefficients: 8, clip: 3, delta: 1e-5 },
    ...{ records: undefined, isDryRun: false, steward: signing("right"), second: null },
    ...changes,
  };
}

/** What the ledger says now. */
async function ledger() {
  const site = await openSite(context.folder.path, { environment: {}, now: () => new Date() });
  const { sanitizings, tip } = site.ledger.state;
  site.close();
  return { all: [...sanitizings.values()], entries: tip.sequence };
}

const sanitized = (changes: Partial<SanitizeOptions> = {}) => sanitizeData(context, options(changes));
const failing = (code: string, text = "") => expect.objectContaining({ code, message: expect.stringContaining(text) });

describe("[SAN11] a data set is noised once, and charged once before that", () => {
  test("--dry-run says what it would do, of any path, and spends, signs and writes nothing", async () => {
    const before = await ledger();
    await sanitized({ isDryRun: true });
    const page = await readFile(new URL("../../../docs/sanitizers.md", import.meta.url), "utf8");
    for (const line of [...said, ...printed]) expect(page).toContain(`    ${line}\n`.trimEnd());
    expect(said.join("\n")).toMatch(/dct-laplace.*recommended/);
    expect(said.join("\n")).toMatch(/Energy kept, without noise \(.*for this hospital's eyes alone\)/);
    expect(said.join("\n")).toMatch(
      /All patients would have paid ε = 1\.\d+ of the data set's cap .*2\.\d+ would be left/,
    );
    await writeFile(join(root, "other.csv"), await readFile(records));
    await sanitized({ isDryRun: true, input: join(root, "other.csv") });
    expect(await ledger()).toEqual(before);
    expect(await readdir(root)).not.toContain("out.csv");
  });

  test("[SAN18] another public order of columns keeps another share of energy; none that isn't one is taken", async () => {
    const energy = () => /Energy kept.*: ([\d.]+) % by 8/.exec(said.join("\n"))?.[1];
    await sanitized({ isDryRun: true });
    const own = energy();
    said = [];
    const order = join(root, "order.txt");
    await writeFile(order, "thal\ncp\nslope\nage\nchol\n");
    await sanitized({ isDryRun: true, order });
    expect(own).toBeDefined();
    expect(energy()).toBeDefined();
    expect(energy()).not.toBe(own);
    await writeFile(order, "BRCA1\nTP53\n");
    await expect(sanitized({ isDryRun: true, order })).rejects.toEqual(failing("sanitizer/bad-order"));
  });

  test("records that changed since they were registered are not sanitized, and nothing is spent", async () => {
    const [before, text] = [await ledger(), await readFile(records, "utf8")];
    await writeFile(records, `${text}${text.trimEnd().split("\n").at(-1)}\n`);
    await expect(sanitized()).rejects.toEqual(failing("data/changed"));
    await writeFile(records, text);
    expect(await ledger()).toEqual(before);
  });

  test("of keyed patients too, whose split wouldn't change: the charge is for the very records that were signed for", async () => {
    const keyed = join(root, "keyed.csv");
    const lines = (await readFile(records, "utf8")).trimEnd().split("\n");
    const text = (more: string) =>
      `${lines.map((line, i) => `${line},${i === 0 ? "who" : `p${i}${more}`}`).join("\n")}\n`;
    await writeFile(keyed, text(""));
    await register(context, "keyed", keyed);
    const roles = { labelColumn: document.data.label.name, patientColumn: "who" };
    const changes = { ...BARE, roles, input: "keyed", isDryRun: true };
    await expect(sanitized(changes)).rejects.toEqual(failing("budget/no-cap"));
    const before = await ledger();
    await writeFile(keyed, text("x"));
    await expect(sanitized({ ...changes, isDryRun: false })).rejects.toEqual(failing("data/changed"));
    expect(await ledger()).toEqual(before);
  });

  test("file and manifest are whole, signed, read through the same contract, and closed in the ledger", async () => {
    await sanitized();
    const text = await readFile(join(root, "out.csv"), "utf8");
    const { manifest, signature, publicKey } = Manifest.parse(
      JSON.parse(await readFile(join(root, "out.csv.sanitized.json"), "utf8")),
    );
    expect(createHash("sha256").update(text).digest("hex")).toBe(manifest.file);
    expect(verifyStatement(publicKey, "sanitized-manifest", manifest, signature)).toBe(true);
    // Without noise, that would tell a record.
    const { digest } = await contentOf(records);
    expect(JSON.stringify(manifest)).not.toContain(digest);
    const { all } = await ledger();
    expect(all).toMatchObject([{ state: "committed", result: manifest.file, body: { charge: manifest.charge } }]);
    expect(manifest.statement.record).toEqual({ epsilon: expect.closeTo(1.5, 6), delta: 0 });
    const connector = await openNamed(join(root, "out.csv"));
    const secret = new Uint8Array(32);
    const report = await checkContract(connector, document.data, { secret, random: operatingSystemRandom });
    await connector.close();
    expect(report).toMatchObject({ records: 303, violated: false });
    expect((await readdir(root)).filter((name) => /partial|spool/.test(name))).toEqual([]);
    await show(context);
    expect(printed.join("\n")).toMatch(
      /heart sanitized: Laplace noise on records, ε = 1; labels answered at random, ε = 0\.5/,
    );
  });

  test("stopped while it noises, it says that the charge is spent and that there is no file", async () => {
    const [stop, before] = [new AbortController(), await ledger()];
    stop.abort();
    const out = join(root, "stopped.csv");
    const run = sanitizeData(context, options({ out, epsilon: 0.01, labels: labelRuleOf("dropped") }), stop.signal);
    await expect(run).rejects.toEqual(
      failing("sanitizer/not-written", "Somebody stopped it. The charge sanitize/heart/"),
    );
    expect((await ledger()).all).toHaveLength(before.all.length + 1);
    expect((await readdir(root)).filter((name) => name.startsWith("stopped"))).toEqual([]);
  });

  test("the same file again is refused before anything is spent", async () => {
    const before = await ledger();
    await expect(sanitized()).rejects.toThrow(failing("file/exists", "out.csv"));
    expect(await ledger()).toEqual(before);
  });

  test("past the cap: refused with the largest ε that fits, which does fit; nothing is spent", async () => {
    const before = await ledger();
    const failure: unknown = await sanitized({ out: join(root, "b.csv"), epsilon: 3 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "budget/cap-exceeded",
      remedy: expect.stringContaining("Nothing was spent"),
    });
    const largest = Number(/largest --epsilon that fits is (\d+(?:\.\d+)?)/.exec(String(failure))?.[1]);
    expect(largest).toBeGreaterThan(1);
    expect(largest).toBeLessThan(2.6);
    await expect(sanitized({ out: join(root, "b.csv"), epsilon: largest * 1.01 })).rejects.toThrow(/that fits/);
    await sanitized({ isDryRun: true, epsilon: largest });
    expect(await ledger()).toEqual(before);
  });

  test("a file that can't be finished: the charge is spent, told, and no file is there", async () => {
    // The manifest can't be written: no file either, though that was whole.
    await mkdir(join(root, "late.csv.sanitized.json.partial"));
    const epsilon = { epsilon: 0.1, labels: labelRuleOf("dropped"), out: join(root, "late.csv") };
    await expect(sanitized(epsilon)).rejects.toThrow(failing("sanitizer/not-written", "is spent, and no file"));
    expect((await ledger()).all.at(-1)).toMatchObject({ state: "acting", result: null });
    expect((await readdir(root)).filter((name) => name.startsWith("late"))).toEqual([
      "late.csv.sanitized.json.partial",
    ]);
    await show(context);
    expect(printed.join("\n")).toContain("No file was finished for it: the charge stays spent");
  });
});

describe("[SAN11] a name that somebody took meanwhile", () => {
  test("is left to them; once they moved away the next run gives the paid file its name, and spends nothing", async () => {
    const out = join(root, "taken.csv");
    const say = (line: string) => {
      if (line.startsWith("Each run is a charge")) writeFileSync(out, "theirs");
    };
    const changes = { out, epsilon: 0.1, labels: labelRuleOf("dropped") };
    const taken = { ...context, output: { ...context.output, say } };
    await expect(sanitizeData(taken, options(changes))).rejects.toThrow(
      failing("sanitizer/not-named", "exists already"),
    );
    expect(await readFile(out, "utf8")).toBe("theirs");
    const before = await ledger();
    expect(before.all.at(-1)?.state).toBe("committed");
    await rm(out);
    await expect(sanitized(changes)).rejects.toThrow(failing("file/exists"));
    const digest = createHash("sha256")
      .update(await readFile(out))
      .digest("hex");
    expect(before.all.at(-1)?.result).toBe(digest);
    expect(await ledger()).toEqual(before);
  });
});

const Manifest = z.object({
  manifest: z.looseObject({ file: z.string(), charge: z.string(), statement: z.looseObject({ record: z.unknown() }) }),
  signature: z.string(),
  publicKey: z.string(),
});

describe("[SAN12] what has no figure for a record takes two stewards, and no cap is charged", () => {
  test.each([
    ["pixels", { method: "pixel-laplace", labels: labelRuleOf("dropped") }],
    ["no clip", { method: "dct-metric", clip: undefined, promise: "metric", labels: labelRuleOf("dropped") }],
    ["floating point", { method: "dct-metric", sampler: "floating-point", labels: labelRuleOf("dropped") }],
    ["public labels", { epsilon: 0.05, labels: labelRuleOf("public") }],
  ] as const)("%s: refused with one", async (_, changes) => {
    const before = await ledger();
    await expect(sanitized({ ...changes, out: join(root, "p.csv") })).rejects.toThrow(
      failing("steward/second-missing"),
    );
    expect(await ledger()).toEqual(before);
  });

  test("with two it is written, named what it is, and nothing is charged", async () => {
    const spent = async () => JSON.stringify((await ledger()).all.map(({ body }) => body.events));
    const before = await spent();
    const out = join(root, "pixels.csv");
    const second = { ...signing("second"), as: "Dr. Koch" };
    await sanitized({ method: "pixel-laplace", labels: labelRuleOf("dropped"), out, second });
    const newest = (await ledger()).all.at(-1);
    expect(newest?.body.disclosure).toEqual({ of: ["features"], by: ["Dr. Bell", "Dr. Koch"] });
    expect(await spent()).toBe(before.replace(/]$/, ",[]]"));
    expect(said.join("\n")).toContain("UNPROTECTED");
    const [, header] = /^(.*)\n/.exec(await readFile(out, "utf8")) ?? [];
    expect(header?.split(",")).not.toContain(document.data.label.name);
    expect(header?.split(",")).toContain(document.data.columns[0]?.name);
  });
});

describe("[SAN13] options are those of the method, the schema and the stewards that there are", () => {
  test("another method's option is refused by its name, with one's own", () => {
    const own = (method: SanitizeOptions["method"], given: Parameters<typeof ownOptions>[2]) => () =>
      ownOptions(method, 1, given);
    expect(own("dct-laplace", { sampler: "exact" })).toThrow(/^--sampler: no option of dct-laplace\.$/);
    expect(own("dct-laplace", { delta: 1e-5, seed: 1 })).toThrow(/^--seed and --delta: no option of dct-laplace\.$/);
    expect(own("dct-metric", { dimensions: 3 })).toThrow(/--dimensions/);
    expect(own("pixel-laplace", { clip: 1 })).toThrow(failing("sanitizer/option-of-another-method", "--clip"));
    expect(own("projection", { firstClip: 1, coefficients: 2 })).toThrow(/^--coefficients and --first-clip/);
    expect(own("projection", { clip: 1, delta: 1e-6 })()).toMatchObject({ promise: "record", delta: 1e-6, clip: 1 });
    expect(own("dct-metric", { sampler: "floating-point", promise: "metric" })()).toMatchObject({ promise: "metric" });
  });

  test("a schema file alone, its label named, is read as the study that has it", async () => {
    await sanitized({ isDryRun: true, input: records });
    const before = said;
    said = [];
    await sanitized({ isDryRun: true, input: records, out: null, ...BARE });
    expect(said).toEqual(before);
  });

  test.each([
    ["without a label", { ...BARE, roles: {} }, /names no label/],
    ["with a label that is none", { ...BARE, roles: { labelColumn: "age" } }, /no category column 'age'/],
    ["with one role twice", { ...BARE, roles: { ...BARE.roles, patientColumn: "age" } }, /'age' is already column 1/],
    ["roles of a study", { roles: { patientColumn: "age" } }, /is a study, which says itself/],
    ["no file to write", { out: null }, /Without --out/],
  ] as const)("%s is refused", async (_, changes, text) => {
    await expect(sanitized({ out: join(root, "never.csv"), ...changes })).rejects.toThrow(text);
  });

  test("a dry run says that a second steward is missing, and refuses one who has no key or is the first", async () => {
    const pixels = { isDryRun: true, method: "pixel-laplace", labels: labelRuleOf("dropped") } as const;
    await sanitized(pixels);
    expect(said.join("\n")).toContain("name the other one with --second NAME");
    const second = (as: string | undefined) => sanitized({ ...pixels, second: { ...signing("second"), as } });
    await expect(second("Dr. No")).rejects.toThrow(failing("steward/unknown"));
    await expect(second("Dr. Bell")).rejects.toThrow(failing("steward/second-missing"));
    await second("Dr. Koch");
  });
});

describe("[SAN13] what can't be done is refused before anything is spent", () => {
  const wrong = (changes: Partial<SanitizeOptions>) => sanitized({ out: join(root, "never.csv"), ...changes });

  test.each([
    ["clip 0", { clip: 0 }, /l1Bound/],
    ["no clip for a record's figure", { clip: undefined }, /Without a clip/],
    ["no clip for metric noise by record", { method: "dct-metric", clip: undefined }, /Without a clip/],
    ["ε 0", { epsilon: 0 }, /epsilon/],
    ["ε below 0", { epsilon: -1 }, /epsilon/],
    ["ε of 10⁹", { epsilon: 1e9 }, /epsilon/],
    ["more coefficients than columns", { coefficients: 10_000 }, /has no 10000 coefficients/],
    ["half a coefficient", { coefficients: 1.5 }, /coefficients/],
    ["a first clip below 0", { firstClip: -1 }, /firstBound/],
    ["a projection by distance", { method: "projection", promise: "metric" }, /promise is for a record/],
    ["a projection on no dimension", { method: "projection", dimensions: 0 }, /dimensions/],
    ["a seed that is none", { method: "projection", seed: 0.5 }, /seed/],
    ["too much noise to draw", { epsilon: 1e-12 }, /so much noise/],
    ["an unknown data set", { input: "hart" }, /neither a registered data set nor the path of one/],
    ["a path that isn't registered", { input: SCHEMA }, /neither a registered data set/],
    ["no such folder", { out: "/nowhere/at/all.csv" }, /there is no folder/],
    ["a folder in the file's place", { out: join(tmpdir(), "..") }, /exists already/],
    ["no such study file", { schema: "/nowhere.yaml" }, /can't be read/],
    ["a wrong password", { steward: { passwordFile: "wrong", isSure: true } }, /password/i],
  ] as const)("%s", async (_, changes, text) => {
    const before = await ledger();
    const given: Partial<SanitizeOptions> = changes;
    const steward = given.steward === undefined ? signing("right") : signing("wrong");
    await expect(wrong({ ...given, steward })).rejects.toThrow(text);
    expect(await ledger()).toEqual(before);
    expect((await readdir(root)).filter((name) => name.startsWith("never"))).toEqual([]);
  });

  test.each(["randomised", "randomised:0", "randomised:99", "public:1", "secret"])("--labels %s", (text) => {
    expect(() => labelRuleOf(text)).toThrow(failing("sanitizer/label-rule"));
  });

  test("a large ε is warned of; data that changed, don't fit, have no cap or are frozen are refused", async () => {
    await sanitized({ isDryRun: true, input: records, epsilon: 0.5, labels: labelRuleOf("randomised:20") }).catch(
      () => null,
    );
    expect(said.join("\n")).toMatch(/WARNING: ε = 20/);
    const file = join(root, "new.csv");
    await writeFile(file, `${await readFile(records, "utf8")}\n`);
    await register(context, "new", file);
    await expect(wrong({ input: "new" })).rejects.toThrow(failing("budget/no-cap"));
    await appendFile(file, "\n");
    await expect(wrong({ input: "new" })).rejects.toThrow(failing("data/changed"));
    const unfit = join(root, "unfit.csv");
    await writeFile(unfit, (await readFile(records, "utf8")).replace("cleveland,63.0", "cleveland,Secret"));
    await register(context, "unfit", unfit);
    await expect(wrong({ input: "unfit" })).rejects.toThrow(failing("data/contract-violated"));
    expect(said.join("\n")).not.toContain("Secret");
  });
});
