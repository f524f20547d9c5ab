/**
 * `npm run bench -- data [--json] [--only CASE]`: what it takes to read a hospital's data. Of matrices processor time,
 * beside NumPy and pandas where a Python has them; of pictures files a second. The files are made for it and removed,
 * but for films of the folder that CONSILIUM_FILMS names.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchOptions, chosen, runCommand } from "./measure/command.ts";
import { FILM_CASES, filmCases } from "./measure/filmCases.ts";
import { MATRIX_CASES, matrixCase } from "./measure/matrixCases.ts";
import { printReport } from "./measure/report.ts";

await runCommand(async () => {
  const names = [...MATRIX_CASES, ...FILM_CASES].map(({ name }) => name);
  const options = benchOptions(process.argv.slice(2), names);
  const wanted = chosen(names, options.only);
  const folder = mkdtempSync(join(tmpdir(), "consilium-bench-"));
  try {
    const matrices = MATRIX_CASES.filter(({ name }) => wanted.includes(name)).map((one) => matrixCase(folder, one));
    printReport("data", [...matrices, ...(await filmCases(folder, wanted))], options.json);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
