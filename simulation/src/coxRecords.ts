/** Training patients with the exact times of a site's table: a study's own records hold intervals alone. */
import { assert } from "@consilium/shared/failure/failure";
import { categoryKey, type DataContract } from "@consilium/shared/study/contract";
import { isAbsent, isArrayValue, parseNumber, type RawValue } from "@consilium/shared/study/features";
import type { IntervalPlace } from "@consilium/shared/study/survival";
import type { Connector } from "@consilium/site-agent/connector/connector";
import { openData } from "@consilium/site-agent/connector/open";
import { readRecords } from "@consilium/site-agent/contract/read";
import { Tally } from "@consilium/site-agent/contract/tally";
import { partOf } from "@consilium/site-agent/split/keyedHash";
import type { TimedPatient } from "./cox.ts";

/** In the table's order, features as the contract scales them but for the interval; records have met the contract. */
export async function timedTrainingPatients(
  contract: DataContract,
  place: IntervalPlace,
  { path, splitKey }: { readonly path: string; readonly splitKey: Uint8Array },
): Promise<readonly TimedPatient[]> {
  const times = await reading(path, (connector) => timesOf(connector, contract));
  const patients = new Map<number, TimedPatient>();
  await reading(path, (connector) =>
    readRecords(connector, contract, splitKey, new Tally(), ({ row, patient, split, features }) => {
      // A row has a record for each interval, alike but for it.
      if (patients.has(row) || partOf(splitKey, patient, split, contract.shares) !== "train") return;
      const time = times[row - 1];
      assert(time !== undefined, "both readings of a table have the same rows");
      patients.set(row, { ...time, features: withoutInterval(features, place) });
    }),
  );
  return [...patients.values()];
}

/** A record's features but for the interval's places. */
export function withoutInterval(record: Float32Array, { offset, intervals }: IntervalPlace): Float64Array {
  return Float64Array.from(record).filter((_, i) => i < offset || i >= offset + intervals);
}

async function reading<T>(path: string, read: (connector: Connector) => Promise<T>): Promise<T> {
  const connector = await openData(path);
  try {
    return await read(connector);
  } finally {
    await connector.close();
  }
}

/** Of each row; NaN where a row has no time, which the contract refuses. */
async function timesOf(
  connector: Connector,
  { survival, label }: DataContract,
): Promise<readonly Pick<TimedPatient, "time" | "hadEvent">[]> {
  assert(survival !== undefined, "a contract of times names their column");
  const event = label.values[1];
  assert(event !== undefined, "a study of times has two labels, the second of them the event");
  const times: Pick<TimedPatient, "time" | "hadEvent">[] = [];
  for await (const rows of connector.rows([survival.time, label.name])) {
    for (const [time, outcome] of rows) {
      const hadEvent = !isAbsent(outcome) && !isArrayValue(outcome) && categoryKey(outcome) === categoryKey(event);
      times.push({ time: numberOf(time), hadEvent });
    }
  }
  return times;
}

function numberOf(value: RawValue): number {
  return isAbsent(value) || isArrayValue(value) ? Number.NaN : (parseNumber(value) ?? Number.NaN);
}
