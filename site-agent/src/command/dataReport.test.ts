import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { reportData } from "./dataReport.ts";
import { outputTo } from "./output.ts";

const heart = fileURLToPath(new URL("../../../shared/studies/heart", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "consilium-report-"));
afterAll(() => rmSync(folder, { recursive: true }));
const wishes = { coefficients: [2, 4], epsilons: [1, 10, 100] };

async function report(out: string, data = join(heart, "data/cleveland.csv"), more = {}) {
  let printed = "";
  const write = new Writable({
    write(chunk, _, done) {
      printed += String(chunk);
      done();
    },
  });
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const study = join(heart, "study.yaml");
  await reportData(outputTo(write, silent, true), { study, data, out, ...wishes, ...more });
  return { json: JSON.parse(printed), page: readFileSync(out, "utf8") };
}

describe("consilium-site data report", () => {
  test("one page that asks for nothing, for its owner alone, and the same figures as JSON", async () => {
    const out = join(folder, "heart.html");
    const svg = join(folder, "heart.svg");
    const { json, page } = await report(out, undefined, { l1Bound: 4, l2Bound: 2, svg });
    expect(page).toContain(readFileSync(svg, "utf8").trim());
    rmSync(svg);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(page).toContain("keep it here, and pass nothing of it on");
    expect(page.match(/(?:src|href)="(?!data:)|url\(|<script|@import/g)).toBeNull();
    for (const name of ["age", "chol", "thal"]) expect(page).toContain(`<td>${name}</td>`);
    expect(json.contract).toMatchObject({ records: 303, patients: 303 });
    const { sanitizers } = json;
    expect(sanitizers).toMatchObject({ records: 303, columns: 6, clips: { l1Bound: 4, l2Bound: 2, from: "given" } });
    expect(sanitizers.distances.map(({ promise }: { promise: string }) => promise)).toEqual(["record", "metric"]);
    expect(sanitizers.distances[0].methods).toHaveLength(2 * 3 * 3);
    expect(sanitizers.energy.at(-1)).toEqual({ coefficients: 6, share: 1 });
    expect(readdirSync(folder)).toEqual(["heart.html"]);
  });

  test("clips that were not given are the data's own, and the page says for what they may serve", async () => {
    const { json, page } = await report(join(folder, "own.html"));
    expect(json.sanitizers.clips.from).toBe("quantile");
    expect(page).toContain("a bound learnt from records tells of them");
  });

  test("data that don't meet the contract are shown as they are, text as text", async () => {
    const data = join(folder, "other.csv");
    writeFileSync(data, "age,label,split,sex\n<b>old</b>,1,train,1\n200,7,test,9\n");
    const { json, page } = await report(join(folder, "other.html"), data);
    expect(json.contract.violated).toBe(true);
    expect(page).toContain("the data have no such column");
    expect(page).not.toContain("<b>old");
  });

  test("a file that is there, a folder that isn't: refused by name, nothing half-written", async () => {
    const before = readdirSync(folder);
    const heartPage = join(folder, "heart.html");
    await expect(report(heartPage)).rejects.toMatchObject({ message: `${heartPage} is there already.` });
    await expect(report(join(folder, "z.html"), undefined, { svg: heartPage })).rejects.toMatchObject({
      code: "file/eexist",
    });
    await expect(report(join(folder, "none", "x.html"))).rejects.toMatchObject({ code: "file/unwritable" });
    await expect(report(join(folder, "y.html"), join(folder, "none.csv"))).rejects.toMatchObject({
      code: "data/file-missing",
    });
    expect(readdirSync(folder)).toEqual(before);
  });
});
