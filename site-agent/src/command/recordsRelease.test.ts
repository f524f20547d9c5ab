import { writeFileSync } from "node:fs";
import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";
import { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { readStudyFile } from "@consilium/storage/studyFile";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSite } from "../control/site.ts";
import { freeze, setCap } from "./budget.ts";
import type { CommandContext } from "./context.ts";
import { register } from "./datasets.ts";
import { joinedSite } from "./joinedSite.test-support.ts";
import { releaseRecords } from "./recordsRelease.ts";
import { verifyRecords } from "./recordsVerify.ts";
import { sanitizeData } from "./sanitize.ts";
import { paidFile, sanitizedPatients } from "./sanitizedSource.ts";
import { labelRuleOf } from "./sanitizeMethod.ts";
import { add } from "./steward.ts";

const STUDY = fileURLToPath(new URL("../../../shared/studies/heart/study.yaml", import.meta.url));
const SCHEMA = fileURLToPath(new URL("../../../shared/studies/heart/schema.yaml", import.meta.url));
/** Two records each. */
const PATIENTS = 20;

let root = "";
let context: CommandContext;
let printed: string[] = [];
const at = (name: string): string => join(root, name);
const signing = (password: string, as?: string) => ({ passwordFile: at(password), isSure: true, as });
const failing = (code: string, text = "") => expect.objectContaining({ code, message: expect.stringContaining(text) });

beforeAll(async () => {
  const site = await joinedSite({
    isJson: false,
    result: (_value, lines) => void printed.push(...lines),
    say: () => undefined,
  });
  ({ root, context } = site);
  const [header = "", ...rows] = (await readFile(site.records, "utf8")).trimEnd().split("\n");
  const lines = rows.slice(0, 2 * PATIENTS).map((row, i) => `${row},mrn-${9000 + Math.floor(i / 2)}`);
  await writeFile(at("keyed.csv"), `${[`${header},who`, ...lines].join("\n")}\n`);
  await register(context, "keyed", at("keyed.csv"));
  await setCap(context, "keyed", { epsilon: 60, delta: 1e-4, perStudy: undefined, steward: signing("right") });
  await writeFile(at("second"), "another battery entirely", { mode: 0o600 });
  await add(context, "Dr. Koch", { newPasswordFile: at("second"), reason: undefined, steward: signing("right") });
  await sanitized("noised.csv", "randomised:1");
  await sanitized("labelled.csv", "public");
}, 60_000);
afterAll(() => rm(root, { recursive: true, force: true }));

async function sanitized(out: string, labels: string): Promise<void> {
  await sanitizeData(context, {
    ...{ input: "keyed", out: at(out), schema: SCHEMA, roles: { labelColumn: "label", patientColumn: "who" } },
    ...{ method: "dct-laplace", epsilon: 2, promise: "record", coefficients: 8, clip: 3, delta: 1e-5 },
    ...{ labels: labelRuleOf(labels), records: 2, isDryRun: false, steward: signing("right") },
    second: labels === "public" ? signing("second", "Dr. Koch") : null,
  });
}

const release = (file: string, out: string, second: string | null = null) =>
  releaseRecords(context, at(file), {
    ...{ dataset: "keyed", out: at(out), reason: "for the method group", steward: signing("right") },
    second: second === null ? null : signing("second", second),
  });

async function ledgerBodies() {
  const site = await openSite(context.folder.path, { environment: {}, now: () => new Date() });
  const bodies = site.ledger.entries().map(({ body }) => body);
  site.close();
  return bodies;
}

describe("[SAN17] sanitized records leave without keys, by the steward's signature", () => {
  test("the very records, a patient a number, and the words that were signed; one entry, nothing charged", async () => {
    const before = await ledgerBodies();
    await release("noised.csv", "given");
    expect((await readdir(at("given"))).sort()).toEqual(["README.md", "records.csv", "release.json"]);
    const [header = "", ...rows] = (await readFile(at("given/records.csv"), "utf8")).trimEnd().split("\n");
    const [from = "", ...made] = (await readFile(at("noised.csv"), "utf8")).trimEnd().split("\n");
    expect(header).toBe(from.replace(/^who/, "patient"));
    const whose = [...new Set(made.map((row) => row.split(",")[0]))];
    expect(rows).toEqual(made.map((row) => row.replace(/^[^,]*/, (who) => String(whose.indexOf(who) + 1))));
    expect(whose).toHaveLength(PATIENTS);
    for (const file of await readdir(at("given")))
      expect(await readFile(at(`given/${file}`), "utf8")).not.toContain("mrn-");
    const added = (await ledgerBodies()).slice(before.length);
    expect(added).toMatchObject([{ kind: "records-released", dataset: "keyed", reason: "for the method group" }]);
    printed = [];
    await verifyRecords(context, at("given"), undefined);
    expect(printed.join("\n")).toMatch(/The 40 records are those that cleveland signed, by this site's own key/);
    const elsewhere = { ...context, folder: { ...context.folder, config: at("no-site.yaml") } };
    printed = [];
    await verifyRecords(elsewhere, at("given"), undefined);
    expect(printed.join("\n")).toContain("nobody vouched for");
    await writeFile(at("given/more.csv"), "1\n");
    await expect(verifyRecords(context, at("given"), undefined)).rejects.toEqual(
      failing("data/not-as-released", "1 files more"),
    );
    await rm(at("given/more.csv"));
  });

  test("the folder is refused where it is there, the file where it was changed or nobody paid for it", async () => {
    await expect(release("noised.csv", "given")).rejects.toEqual(failing("file/unwritable", "is there already"));
    await expect(release("keyed.csv", "raw")).rejects.toEqual(failing("sanitizer/not-paid-for"));
    expect(await readdir(root)).not.toContain("raw");
  });

  test("a file that is changed once its digest was taken is not handed out, and no entry says so", async () => {
    const before = await readFile(at("noised.csv"), "utf8");
    const entries = await ledgerBodies();
    const say = (line: string): void => {
      if (line.startsWith("Patients' keys")) writeFileSync(at("noised.csv"), before.replace(/\n[^\n]*\n$/, "\n"));
    };
    const meddled = releaseRecords({ ...context, output: { ...context.output, say } }, at("noised.csv"), {
      ...{ dataset: "keyed", out: at("meddled"), reason: "for nobody", steward: signing("right"), second: null },
    });
    await expect(meddled).rejects.toEqual(failing("sanitizer/not-paid-for", "changed while it was read"));
    await writeFile(at("noised.csv"), before);
    expect((await readdir(root)).filter((name) => name.includes("meddled"))).toEqual([]);
    expect(await ledgerBodies()).toEqual(entries);
  });

  test("nothing of a frozen data set is handed out until a steward ends that", async () => {
    const reason = "somebody asks";
    await freeze(context, "keyed", { off: false, reason, steward: signing("right") });
    await expect(release("noised.csv", "frozen")).rejects.toEqual(failing("data/frozen"));
    await freeze(context, "keyed", { off: true, reason, steward: signing("right") });
    expect((await readdir(root)).filter((name) => name.includes("frozen"))).toEqual([]);
  });

  test("labels that left as they were take two stewards, at the ledger too", async () => {
    await expect(release("labelled.csv", "labelled")).rejects.toEqual(failing("steward/second-missing"));
    await expect(release("labelled.csv", "labelled", "Dr. Bell")).rejects.toBeInstanceOf(Failure);
    expect(await readdir(root)).not.toContain("labelled");
    await release("labelled.csv", "labelled", "Dr. Koch");
    expect((await ledgerBodies()).at(-1)).toMatchObject({
      kind: "records-released",
      by: [expect.any(String), "Dr. Koch"],
    });
    await verifyRecords(context, at("labelled"), undefined);
  });

  test.each(["records.csv", "README.md", "release.json"])("one byte more in %s is found", async (name) => {
    const file = at(`given/${name}`);
    const before = await readFile(file, "utf8");
    if (name === "release.json") await writeFile(file, before.replace("the method group", "any method group"));
    else await appendFile(file, " ");
    await expect(verifyRecords(context, at("given"), undefined)).rejects.toEqual(failing("data/not-as-released"));
    await writeFile(file, before);
    await verifyRecords(context, at("given"), undefined);
  });

  test("[STU52] a file that changed between its digest and its reading prepares nobody", async () => {
    const { split: _, ...data } = readStudyFile(STUDY).document.data;
    const contract = { ...data, patient: "who", maxRecordsPerPatient: 2 };
    const about = { site: SiteName.parse("cleveland"), dataset: DatasetId.parse("keyed") };
    const paid = await paidFile(context, at("noised.csv"), about);
    const { patients } = await sanitizedPatients(context, paid, contract);
    expect(patients.parts.length).toBeGreaterThan(0);
    const before = await readFile(at("noised.csv"), "utf8");
    await writeFile(at("noised.csv"), before.replace(/\n[^\n]*\n$/, "\n"));
    await expect(sanitizedPatients(context, paid, contract)).rejects.toEqual(
      failing("sanitizer/not-paid-for", "changed while it was read"),
    );
    await writeFile(at("noised.csv"), before);
  });

  test("another site's key is not this one's", async () => {
    await expect(verifyRecords(context, at("given"), "A".repeat(43))).rejects.toEqual(failing("data/not-as-released"));
  });
});
