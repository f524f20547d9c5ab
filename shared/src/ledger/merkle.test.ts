import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Digest } from "../units/identity.ts";
import { EMPTY_ROOT, MerkleTree, verifyConsistency, verifyInclusion } from "./merkle.ts";

const leaves = (size: number): Buffer[] => Array.from({ length: size }, (_, index) => Buffer.from(`leaf ${index}`));

function treeOf(data: readonly Uint8Array[]): MerkleTree {
  const tree = new MerkleTree();
  for (const leaf of data) tree.append(leaf);
  return tree;
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The definitions of RFC 6962 §2.1 as they stand there, over lists. */
function slowRoot(data: readonly Uint8Array[]): Buffer {
  const [only] = data;
  if (only === undefined) return sha256();
  if (data.length === 1) return sha256(Buffer.of(0), only);
  const k = split(data.length);
  return sha256(Buffer.of(1), slowRoot(data.slice(0, k)), slowRoot(data.slice(k)));
}
function slowPath(m: number, data: readonly Uint8Array[]): Buffer[] {
  if (data.length === 1) return [];
  const k = split(data.length);
  return m < k
    ? [...slowPath(m, data.slice(0, k)), slowRoot(data.slice(k))]
    : [...slowPath(m - k, data.slice(k)), slowRoot(data.slice(0, k))];
}
function slowSubproof(m: number, data: readonly Uint8Array[], isWhole: boolean): Buffer[] {
  if (m === data.length) return isWhole ? [] : [slowRoot(data)];
  const k = split(data.length);
  return m <= k
    ? [...slowSubproof(m, data.slice(0, k), isWhole), slowRoot(data.slice(k))]
    : [...slowSubproof(m - k, data.slice(k), false), slowRoot(data.slice(0, k))];
}
function split(count: number): number {
  let k = 1;
  while (2 * k < count) k *= 2;
  return k;
}
const hex = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString("hex"));

describe("[LED9] the Merkle tree of RFC 6962 and RFC 9162", () => {
  test("roots of the leaves that Certificate Transparency's own tests use", () => {
    const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const roots = [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const tree = treeOf(inputs.map((input) => Buffer.from(input, "hex")));
    expect(roots.map((_, index) => tree.root(index + 1))).toEqual(roots);
    expect(tree.root(0)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("knows its leaves by their places, and none that it forgot; pieces of memory change nothing", () => {
    const data = leaves(20_000);
    const tree = treeOf(data);
    for (const index of [0, 1, 8191, 8192, 16_383, 16_384, 19_999]) {
      const leaf = data[index] ?? Buffer.alloc(0);
      expect([tree.holds(index, leaf), tree.holds(index ^ 1, leaf)]).toEqual([true, false]);
      expect(verifyInclusion(leaf, index, tree.size, tree.inclusionProof(index), tree.root())).toBe(true);
    }
    expect(tree.root(10_000)).toBe(treeOf(data.slice(0, 10_000)).root());
    tree.truncate(19_999);
    expect(tree.holds(19_999, data[19_999] ?? Buffer.alloc(0))).toBe(false);
  });

  test("roots and both proofs are those of the definitions, at every size up to 40", () => {
    const data = leaves(40);
    const tree = treeOf(data);
    for (let size = 1; size <= data.length; size++) {
      const first = data.slice(0, size);
      expect(tree.root(size)).toBe(slowRoot(first).toString("hex"));
      for (let m = 0; m < size; m++) expect(tree.inclusionProof(m, size)).toEqual(hex(slowPath(m, first)));
      for (let m = 1; m <= size; m++) expect(tree.consistencyProof(m, size)).toEqual(hex(slowSubproof(m, first, true)));
    }
  });

  test("every proof is accepted for what it proves", () => {
    const size = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (count, some, other) => {
        const data = leaves(count);
        const tree = treeOf(data);
        const [index, from] = [some % count, other % (count + 1)];
        const leaf = data[index] ?? Buffer.alloc(0);
        const after = { size: count, root: tree.root() };
        expect(verifyInclusion(leaf, index, count, tree.inclusionProof(index), after.root)).toBe(true);
        const before = { size: from, root: tree.root(from) };
        expect(verifyConsistency(before, after, tree.consistencyProof(from))).toBe(true);
      }),
    );
  });

  test("no proof is accepted for another leaf, place, size, root, past or altered path", () => {
    const size = fc.integer({ min: 2, max: 100 });
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(), (count, some, other, bit) => {
        const data = leaves(count);
        const tree = treeOf(data);
        const [index, from] = [some % count, 1 + (other % (count - 1))];
        const leaf = data[index] ?? Buffer.alloc(0);
        const root = tree.root();
        const path = tree.inclusionProof(index);
        const wrongRoot = altered(root, bit);
        expect(verifyInclusion(Buffer.from("other"), index, count, path, root)).toBe(false);
        expect(verifyInclusion(leaf, (index + 1) % count, count, path, root)).toBe(false);
        expect(verifyInclusion(leaf, index, count, path, wrongRoot)).toBe(false);
        expect(verifyInclusion(leaf, index, count, [...path, root], root)).toBe(false);
        expect(verifyInclusion(leaf, index, count, path.slice(1), root)).toBe(false);

        const [before, after] = [
          { size: from, root: tree.root(from) },
          { size: count, root },
        ];
        const proof = tree.consistencyProof(from);
        const rewritten = treeOf(data.with(from - 1, Buffer.from("rewritten")));
        expect(verifyConsistency(before, { ...after, root: rewritten.root() }, rewritten.consistencyProof(from))).toBe(
          false,
        );
        expect(verifyConsistency(before, { ...after, root: wrongRoot }, proof)).toBe(false);
        expect(verifyConsistency({ ...before, root: altered(before.root, bit) }, after, proof)).toBe(false);
        expect(verifyConsistency(before, after, [...proof, root])).toBe(false);
        expect(verifyConsistency(before, after, proof.slice(1))).toBe(false);
        expect(verifyConsistency(after, before, proof)).toBe(false);
        const place = bit % proof.length;
        const changed = proof.map((hash, at) => (at === place ? altered(hash, bit) : hash));
        expect(verifyConsistency(before, after, changed)).toBe(false);
      }),
    );
  });

  test("a tree that was cut grows on as if the cut leaves had never been", () => {
    const tree = treeOf(leaves(23));
    tree.truncate(9);
    expect(tree.root()).toBe(treeOf(leaves(9)).root());
    const others = [...leaves(9), ...leaves(20).map((leaf) => Buffer.concat([leaf, Buffer.from("'")]))];
    for (const leaf of others.slice(9)) tree.append(leaf);
    expect(tree.root()).toBe(treeOf(others).root());
    expect(tree.inclusionProof(11)).toEqual(treeOf(others).inclusionProof(11));
    tree.truncate(0);
    expect(tree.root()).toBe(EMPTY_ROOT);
  });
});

function altered(digest: Digest, bit: number): Digest {
  const bytes = Buffer.from(digest, "hex");
  const place = bit % (8 * bytes.length);
  bytes[place >> 3] = (bytes[place >> 3] ?? 0) ^ (1 << (place & 7));
  return Digest.parse(bytes.toString("hex"));
}
