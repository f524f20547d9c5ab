import { Failure } from "@consilium/shared/failure/failure";
import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { Tally } from "../contract/tally.ts";
import type { KeptRecords } from "../sanitizer/keptRecords.ts";
import { NoisedSpool } from "../sanitizer/noisedSpool.ts";
import type { NoisedTable } from "../sanitizer/noisedTable.ts";
import { RecordNoise } from "../sanitizer/noiseRecords.ts";
import { rulesOf } from "../sanitizer/unitFeatures.ts";
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
  /** Aborted where somebody stops it: what is spent stays spent, and that is told. */
  readonly stop?: AbortSignal;
}

/** A second pass noises each record that was kept; they come in an order of their own, until the table is closed. */
export async function noisedTable({
  source,
  kept,
  plan,
  out,
  say,
  stop,
}: Writing): Promise<NoisedTable & { close(): void }> {
  const { contract } = source;
  const records = kept.inOrder();
  const rules = rulesOf(contract, source.order ?? null);
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
    // Exact noise takes some bytes a draw, and a picture is 100,000 draws.
    random: aesCtrStream(operatingSystemRandom),
    take: (place, features, label) => {
      row.set(features);
      row[width] = label ?? -1;
      spool.write(place, row);
    },
  });
  try {
    await readAll(source, new Tally(), (record) => {
      if (stop?.aborted === true) throw stopped();
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
  const hasLabel = plan.labels.label !== "dropped";
  return {
    ...{ contract, method: plan.method, hasLabel, count: records.length },
    records: { [Symbol.iterator]: () => recordsOf(spool, records, hasLabel) },
    close: () => spool.close(),
  };
}

function* recordsOf(spool: NoisedSpool, records: ReturnType<KeptRecords["inOrder"]>, hasLabel: boolean) {
  for (const [place, { key, split }] of records.entries()) {
    const numbers = spool.read(place);
    const label = hasLabel ? (numbers.at(-1) ?? null) : null;
    yield { key, split, features: numbers.subarray(0, -1), label };
  }
}

function openSpool(out: string, records: number, width: number): NoisedSpool {
  try {
    return new NoisedSpool(`${out}.${process.pid}.spool`, records, width);
  } catch (cause) {
    throw cause instanceof Failure ? cause : unwritable(out, cause);
  }
}

function stopped(): Failure {
  return new Failure({
    code: "sanitizer/stopped",
    kind: "refused",
    what: "Somebody stopped it.",
    remedy: "Run the command again.",
  });
}
