import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderLine, placesInOrder, readOrder } from "./columnOrder.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-order-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function ordered(text: string): Promise<number[]> {
  await writeFile(join(folder, "order.txt"), text);
  const order = await readOrder(join(folder, "order.txt"));
  const columns = [
    { name: "a", offset: 0, count: 1 },
    { name: "b", offset: 1, count: 3 },
    { name: "c", offset: 4, count: 1 },
    { name: "d", offset: 5, count: 2 },
  ];
  return [...placesInOrder(order, columns)];
}

describe("[SAN18] the cosine transform takes columns in a public order", () => {
  test("named columns first, as they are named, each with all of its numbers; the others as they stand", async () => {
    expect(await ordered("# chromosome 1\nc\r\nnobody's gene\nb\n\n")).toEqual([4, 1, 2, 3, 0, 5, 6]);
    expect(await ordered("a\nb\nc\nd")).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("how much of it is of these columns is told", async () => {
    await writeFile(join(folder, "order.txt"), "b\nbb\na\n");
    const order = await readOrder(join(folder, "order.txt"));
    expect(orderLine(order, ["a", "b", "c"])).toMatch(
      /^The order names 2 of 3 columns.*1 of its names are no column's/,
    );
  });

  test("another's order, a name twice and no file are told", async () => {
    const failing = expect.objectContaining({ code: "sanitizer/bad-order" });
    await expect(ordered("x\ny\n")).rejects.toEqual(failing);
    await expect(ordered("a\nb\na\n")).rejects.toThrow("name 3 of 3 comes twice");
    await expect(readOrder(join(folder, "none"))).rejects.toEqual(failing);
  });
});
