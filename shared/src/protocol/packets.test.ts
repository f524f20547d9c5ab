import { describe, expect, test } from "vitest";
import { packetParser } from "./packets.ts";

function decoded(message: unknown): unknown {
  const decoder = new packetParser.Decoder();
  const packets: unknown[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  decoder.add(message);
  expect(packets).toHaveLength(1);
  return packets[0];
}

describe("socket.io's packets", () => {
  const encoder = new packetParser.Encoder();

  test("an envelope is one binary message and nothing else", () => {
    const frame = Uint8Array.of(1, 2, 3);
    const packet = { type: 2, nsp: "/", data: ["envelope", frame] };
    expect(encoder.encode(packet)).toEqual([frame]);
    expect(decoded(frame)).toEqual(packet);
  });

  test.each([
    [{ type: 0, nsp: "/" }, "0"],
    [{ type: 0, nsp: "/", data: { sid: "a" } }, '0{"sid":"a"}'],
    [{ type: 1, nsp: "/" }, "1"],
    [{ type: 2, nsp: "/", data: ["hello", { text: "x" }] }, '2["hello",{"text":"x"}]'],
    [{ type: 2, nsp: "/", data: ["envelope"] }, '2["envelope"]'],
    [{ type: 4, nsp: "/", data: { message: "no" } }, '4{"message":"no"}'],
  ])("%o is written as socket.io writes it, and read back", (packet, text) => {
    expect(encoder.encode(packet)).toEqual([text]);
    expect(decoded(text)).toEqual(packet);
  });

  test.each([
    "",
    "x",
    "2",
    "2{}",
    "2[]",
    "2[1]",
    '2["disconnect"]',
    '21["hello"]',
    "2[",
    "0null",
    "01",
    "0[]",
    '0"x"',
    "4",
    "4null",
    '4"x"',
    "4{}",
    "3[]",
    "5[]",
    '451-["envelope",{"_placeholder":true,"num":0}]',
    '2/other,["hello"]',
  ])("%j is none", (text) => {
    expect(() => decoded(text)).toThrow();
  });
});
