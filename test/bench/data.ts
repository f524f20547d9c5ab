/**
 * `npm run bench -- data [--json] [--write] [--only CASE]`: what it takes to read a hospital's data and to sanitize
 * them. Of matrices processor time, beside NumPy, pandas and SciPy where a Python has them; of pictures files a second.
 * The files are made for it and removed, but for films of the folder that CONSILIUM_FILMS names.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { benchOptions, chosen, runCommand } from "./measure/command.ts";
import { dataFacts, dataPage } from "./measure/dataPage.ts";
import { FILM_CASES, filmCases } from "./measure/filmCases.ts";
import { MATRIX_CASES, matrixCase } from "./measure/matrixCases.ts";
import { assertSection, writeSection } from "./measure/page.ts";
import { printReport } from "./measure/report.ts";
import { SANITIZE_CASES, sanitizeCase } from "./measure/sanitizeCases.ts";

await runCommand(async () => {
  const names = [...MATRIX_CASES, ...FILM_CASES, ...SANITIZE_CASES].map(({ name }) => name);
  const options = benchOptions(process.argv.slice(2), names);
  const wanted = chosen(names, options.only);
  if (options.write) assertSection("data");
  const [date, [loadBefore = 0]] = [new Date(), loadavg()];
  const folder = mkdtempSync(join(tmpdir(), "consilium-bench-"));
  try {
    const isWanted = ({ name }: { readonly name: string }) => wanted.includes(name);
    const cases = [
      ...MATRIX_CASES.filter(isWanted).map((one) => matrixCase(folder, one)),
      ...(await filmCases(folder, wanted)),
      ...SANITIZE_CASES.filter(isWanted).flatMap((one) => sanitizeCase(folder, one)),
    ];
    const report = printReport("data", cases, options.json);
    if (options.write) writeSection("data", dataPage(dataFacts(report, date, loadBefore), cases));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
