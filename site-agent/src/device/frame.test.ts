import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHeader, FrameReader, type WorkerAnswer } from "./frame.ts";
import { recordsOf, shardsOf } from "./shard.ts";
import { somePatients } from "./workers.test-support.ts";

describe("frames of a worker", () => {
  test("come whole from whatever pieces the pipe gives", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });
    fc.assert(
      fc.property(bodies, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sums, lengths) => {
        const frames = sums.flatMap((body) => [
          encodeHeader({ type: "sum", id: 1, width: 4, bytes: body.length }),
          body,
        ]);
        const stream = Uint8Array.from(Buffer.concat(frames));
        const found: Uint8Array[] = [];
        let memory = new Uint8Array(0);
        const bodyOf = ({ bytes }: WorkerAnswer): Uint8Array => {
          memory = new Uint8Array(bytes);
          return memory;
        };
        const reader = new FrameReader(bodyOf, () => found.push(memory));
        for (let at = 0; at < stream.length; ) {
          const { value: length } = lengths.next();
          reader.push(stream.subarray(at, at + length));
          at += length;
        }
        expect(found).toEqual(sums);
      }),
    );
  });

  test.each([
    ["no JSON", Buffer.from([4, 0, 0, 0, 1, 2, 3, 4])],
    ["an unknown kind", Buffer.from([2, 0, 0, 0, 0x7b, 0x7d])],
    ["an endless header", Buffer.from([255, 255, 255, 255, 1])],
    [
      "a width that no sum has",
      Buffer.concat([Buffer.from([39, 0, 0, 0]), Buffer.from('{"type":"sum","id":1,"width":5,"bytes":0}')]),
    ],
  ])("%s is refused", (_, bytes) => {
    const reader = new FrameReader(
      () => new Uint8Array(0),
      () => undefined,
    );
    expect(() => reader.push(bytes)).toThrow();
  });
});

describe("[ENG30] shards of a batch", () => {
  test("hold each patient once, in order, and differ by one at most", () => {
    const patients = fc.array(fc.nat(), { maxLength: 50 }).map((list) => Int32Array.from(list));
    fc.assert(
      fc.property(patients, fc.integer({ min: 1, max: 9 }), (batch, count) => {
        const shards = shardsOf(batch, count);
        expect(shards.flatMap((shard) => [...shard])).toEqual([...batch]);
        const sizes = shards.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(shards).toHaveLength(count);
      }),
    );
  });

  test("a shard's records are its patients' own", () => {
    const all = somePatients(3, 20);
    const chosen = Int32Array.from([17, 2, 11]);
    const some = recordsOf(all, chosen);
    for (const [index, patient] of chosen.entries()) {
      const [from, to] = [all.recordStart[patient] ?? 0, all.recordStart[patient + 1] ?? 0];
      const [first, end] = [some.recordStart[index] ?? 0, some.recordStart[index + 1] ?? 0];
      expect(some.labels.subarray(first, end)).toEqual(all.labels.subarray(from, to));
      const width = all.featureCount;
      expect(some.features.subarray(first * width, end * width)).toEqual(
        all.features.subarray(from * width, to * width),
      );
    }
    expect(some.labels.length).toBe(some.recordStart.at(-1));
  });
});
