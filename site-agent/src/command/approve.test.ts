import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fingerprintWords } from "@consilium/certs/fingerprint";
import { ChargeId, LedgerBody } from "@consilium/shared/ledger/entry";
import { discreteLaplaceEvent } from "@consilium/shared/mechanism/discreteLaplace";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openSite } from "../control/site.ts";
import { readKeys } from "../storage/keys.ts";
import { status } from "./agent.ts";
import { setCap } from "./budget.ts";
import { lower } from "./capChanges.ts";
import type { CommandContext } from "./context.ts";
import { register } from "./datasets.ts";
import { heartStudy, inDatabase, joinedSite } from "./joinedSite.test-support.ts";
import { approve } from "./study.ts";
import { checkProposal } from "./studyCheck.ts";

/** A site that joined, to which the heart study was proposed; no agent runs, so commands open the database. */
let root = "";
let records = "";
let context: CommandContext;
let printed: string[] = [];
let said: string[] = [];

beforeAll(async () => {
  const site = await joinedSite({
    isJson: false,
    result: (_value, lines) => void printed.push(...lines),
    say: (line) => void said.push(line),
  });
  ({ root, records, context } = site);
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  printed = [];
  said = [];
});

function with1(password: "right" | "wrong") {
  return { passwordFile: join(root, password), isSure: true };
}

async function whileFileIs(text: string | null, run: () => Promise<void>): Promise<void> {
  const whole = await readFile(records);
  if (text === null) await rm(records);
  else await writeFile(records, text);
  try {
    await run();
  } finally {
    await writeFile(records, whole);
  }
}

describe("before a study is approved", () => {
  test("the status tells the words that are compared by telephone, as the coordinator lists them", async () => {
    await status(context);
    const { identity, sealedSteward } = await readKeys(context.folder);
    const words = fingerprintWords(SiteName.parse("cleveland"), [identity.publicKey, sealedSteward.publicKey]);
    expect(printed.join("\n")).toContain(`this site    ${words}`);
  });

  test("over the cap, the remedy is what a steward can do: nothing runs yet that could be stopped", async () => {
    const small = { epsilon: 3.7, delta: 1e-4, perStudy: undefined, steward: with1("right") };
    await writeFile(join(root, "tight.csv"), `${await readFile(records, "utf8")}\n`);
    await register(context, "tight", join(root, "tight.csv"));
    await setCap(context, "tight", small);
    const failure = approve(context, heartStudy.name, { dataset: "tight", steward: with1("right") });
    await expect(failure).rejects.toMatchObject({
      code: "budget/cap-exceeded",
      remedy: expect.stringMatching(
        /^Offer what fits .*counter-offer heart.*budget raise tight .*Nothing was approved\.$/,
      ),
    });
  });

  test("where not even noise without end makes it fit, nothing is said to be offered", async () => {
    await writeFile(join(root, "tighter.csv"), `${await readFile(records, "utf8")}\n\n`);
    await register(context, "tighter", join(root, "tighter.csv"));
    await setCap(context, "tighter", { epsilon: 0, delta: 1e-4, perStudy: undefined, steward: with1("right") });
    expect(said.join("\n")).toMatch(/With ε = 0 nothing may ever be done with tighter; to raise it takes two/);
    const failure = approve(context, heartStudy.name, { dataset: "tighter", steward: with1("right") });
    await expect(failure).rejects.toMatchObject({
      code: "budget/cap-exceeded",
      remedy: expect.stringMatching(/^No ε that you could offer fits\. Two stewards/),
    });
  });

  test("a cap for a study that nobody proposed is said to wait for one", async () => {
    const words = { study: "hart-disease", epsilon: 1 };
    const by = { reason: "less", steward: with1("right") };
    await lower(context, "heart", words, by);
    expect(said.join("\n")).toContain(`No study hart-disease was proposed here (only ${heartStudy.name})`);
    said = [];
    await lower(context, "heart", { study: heartStudy.name, epsilon: 3.9 }, by);
    expect(said.join("\n")).not.toContain("No study");
  });
});

const approveWith = (password: "right" | "wrong") =>
  approve(context, heartStudy.name, { dataset: "heart", steward: with1(password) });

describe("[STU36] without the steward's password nothing is done with the data", () => {
  test("the password is refused before the file is opened, and nothing is prepared", async () => {
    await whileFileIs(null, async () => {
      await expect(approveWith("wrong")).rejects.toThrow(expect.objectContaining({ code: "steward/password-wrong" }));
      await expect(approveWith("right")).rejects.toThrow(expect.objectContaining({ code: "data/file-missing" }));
    });
    expect(await readdir(context.folder.prepared)).toEqual([]);
  });
});

describe("[DAT12] data that don't fit a study that was proposed", () => {
  const broken = async () => (await readFile(records, "utf8")).replace("cleveland,63.0", "cleveland,Secret");

  test("approving prints the table of misfits, and no value", async () => {
    // As registered from the start: a changed file is refused for that alone.
    await writeFile(join(root, "unfit.csv"), await broken());
    await register(context, "unfit", join(root, "unfit.csv"));
    await setCap(context, "unfit", { epsilon: 4, delta: 1e-4, perStudy: undefined, steward: with1("right") });
    printed = [];
    const failure = approve(context, heartStudy.name, { dataset: "unfit", steward: with1("right") });
    await expect(failure).rejects.toThrow(expect.objectContaining({ code: "data/contract-violated", exitCode: 3 }));
    expect(printed.join("\n")).toMatch(/error +age +1 +records whose value is no number/);
    expect(printed.join("\n")).not.toContain("Secret");
  });

  test("study check --study holds the registered data against it, without a study file", async () => {
    await checkProposal(context, { study: heartStudy.name, dataset: "heart" });
    expect(printed.join("\n")).toContain("303 records of 303 patients");
    const failure = checkProposal(context, { study: heartStudy.name, dataset: "unfit" });
    await expect(failure).rejects.toThrow(expect.objectContaining({ code: "data/contract-violated" }));
    await expect(checkProposal(context, { study: heartStudy.name, dataset: undefined })).rejects.toThrow(
      expect.objectContaining({ code: "data/not-named" }),
    );
  });

  test("a file that is missing is named, for this terminal alone", async () => {
    await whileFileIs(null, async () => {
      await expect(checkProposal(context, { study: heartStudy.name, dataset: "heart" })).rejects.toThrow(records);
    });
  });
});

describe("[STU37] a refusal names whose ε, over what, against which limit", () => {
  test("over the data set's cap: one figure, the same before and in the refusal", async () => {
    await setCap(context, "heart", { epsilon: 1, delta: 1e-4, perStudy: undefined, steward: with1("right") });
    said = [];
    const failure: unknown = await approveWith("right").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "budget/cap-exceeded" });
    const text = failure instanceof Error ? failure.message : "";
    expect(text).toMatch(/training patients of data set heart over all studies would reach ε = (\d\.\d{3}) at δ/);
    const figure = /ε = (\d\.\d{3})/.exec(text)?.[1] ?? "none";
    expect(said.join("\n")).toContain(`${figure} with this study; its cap is 1 at δ = 0.0001`);
  });

  test("a cap below what is spent says so", async () => {
    const site = await openSite(context.folder.path, { environment: {}, now: () => new Date() });
    const charge = ChargeId.parse("pilot/evaluate-1.1/cleveland/validation");
    const reserved = LedgerBody.parse({
      ...{ kind: "reserved", charge, site: "cleveland", dataset: "heart", part: "validation", study: "pilot" },
      ...{ round: 1, attempt: 1, event: discreteLaplaceEvent(1, 0.5, 1) },
    });
    const nothing = () => {};
    site.ledger.append([reserved], nothing, nothing);
    site.ledger.append([{ kind: "acting", charge }], nothing, nothing);
    site.close();
    await setCap(context, "heart", { epsilon: 0.25, delta: 1e-4, perStudy: undefined, steward: with1("right") });
    expect(said.join("\n")).toMatch(/Spent so far: ε 0\.\d{3} at δ = 0.0001/);
    expect(printed.join("\n")).toMatch(
      /Below what is spent already \(ε 0\.\d{3}\): nothing more may be charged to heart/,
    );
  });

  test("a study that ended is refused plainly, whatever the budget", async () => {
    await inDatabase(root, (known) => known.setProgress(StudyName.parse(heartStudy.name), "released"));
    const failure = approveWith("wrong");
    await expect(failure).rejects.toThrow(expect.objectContaining({ code: "study/ended", kind: "refused" }));
    await expect(failure).rejects.toThrow(/is released already/);
  });
});
