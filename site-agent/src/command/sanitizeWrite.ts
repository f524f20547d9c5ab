import { Failure } from "@consilium/shared/failure/failure";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { Tally } from "../contract/tally.ts";
import type { KeptRecords } from "../sanitizer/keptRecords.ts";
import { NoisedSpool } from "../sanitizer/noisedSpool.ts";
import { RecordNoise } from "../sanitizer/noiseRecords.ts";
import { cellsOf, outputColumns, rulesOf } from "../sanitizer/unitFeatures.ts";
import { unwritable } from "./localFile.ts";
import type { Plan } from "./sanitizePlan.ts";
import { readAll, type Source } from "./sanitizeRead.ts";

/** How often somebody who waits is told how far it is. */
const PROGRESS_MS = 2000;

export interface Writing {
  readonly source: Source;
  readonly kept: KeptRecords;
  readonly plan: Plan;
  readonly out: string;
  readonly say: (line: string) => void;
}

/** A second pass noises each record that was kept, a block at a time; the lines come in an order of their own. */
export async function noisedLines({ source, kept, plan, out, say }: Writing): Promise<Iterable<string>> {
  const { contract } = source;
  const records = kept.inOrder();
  const rules = rulesOf(contract);
  const width = plan.method.method === "projection" ? plan.method.dimensions : rules.low_C.length;
  // The label's place is beside the numbers.
  const spool = openSpool(out, records.length, width + 1);
  const row = new Float64Array(width + 1);
  let [found, toldAt] = [0, Date.now()];
  const noise = new RecordNoise({
    rules,
    method: plan.method,
    labels: plan.labels,
    booked: plan.all,
    random: operatingSystemRandom,
    take: (place, features, label) => {
      row.set(features);
      row[width] = label ?? -1;
      spool.write(place, row);
    },
  });
  try {
    await readAll(source, new Tally(), (record) => {
      const place = kept.placeOf(record);
      if (place === null) return;
      noise.add(place, record.features, record.label);
      found += 1;
      if (Date.now() - toldAt < PROGRESS_MS) return;
      toldAt = Date.now();
      say(`${found} of ${records.length} records noised`);
    });
    noise.flush();
    kept.requireAll(found);
  } catch (error) {
    spool.close();
    throw error;
  }
  return linesOf(spool, { contract, records, method: plan.method, hasLabel: plan.labels.label !== "dropped" });
}

interface Table {
  readonly contract: Source["contract"];
  readonly records: ReturnType<KeptRecords["inOrder"]>;
  readonly method: Plan["method"];
  readonly hasLabel: boolean;
}

function* linesOf(spool: NoisedSpool, { contract, records, method, hasLabel }: Table): Generator<string> {
  const { patient, split, label } = contract;
  const named = (name: string | undefined): string[] => (name === undefined ? [] : [name]);
  const labelled = hasLabel ? [label.name] : [];
  try {
    yield line([...named(patient), ...named(split), ...outputColumns(contract, method), ...labelled]);
    for (const [place, record] of records.entries()) {
      const numbers = spool.read(place);
      const own = [...(patient === undefined ? [] : [record.key ?? ""]), ...named(record.split ?? undefined)];
      const value = hasLabel ? [String(label.values[numbers.at(-1) ?? -1] ?? "")] : [];
      yield line([...own, ...cellsOf(numbers.subarray(0, -1), contract, method), ...value]);
    }
  } finally {
    spool.close();
  }
}

/** A CSV line, cells quoted where they must be. */
function line(cells: readonly string[]): string {
  return cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
}

function openSpool(out: string, records: number, width: number): NoisedSpool {
  try {
    return new NoisedSpool(`${out}.${process.pid}.spool`, records, width);
  } catch (cause) {
    throw cause instanceof Failure ? cause : unwritable(out, cause);
  }
}
