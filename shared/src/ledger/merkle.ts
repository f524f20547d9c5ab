import { hash } from "node:crypto";
import { assert } from "../failure/failure.ts";
import { Digest } from "../units/identity.ts";

const HASH_BYTES = 32;
const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
/** Nodes of a level that lie in one piece of memory: a level that grows isn't copied, and wastes no more than that. */
const PIECE_NODES = 8192;

/** SHA-256 of 0x00 and the leaf's data; RFC 9162 §2.1.1. The prefixes keep a node from passing for a leaf. */
export function leafHash(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + data.length);
  bytes[0] = LEAF_PREFIX;
  bytes.set(data, 1);
  return hash("sha256", bytes, "buffer");
}

/** SHA-256 of 0x01 and both children; RFC 9162 §2.1.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  children.set(left, 1);
  children.set(right, 1 + HASH_BYTES);
  return hash("sha256", children, "buffer");
}

/** Used again for each node: as many are hashed as there are leaves. */
const children = Uint8Array.from({ length: 1 + 2 * HASH_BYTES }, (_, place) => (place === 0 ? NODE_PREFIX : 0));

/** Root of a tree without leaves: the hash of nothing. */
export const EMPTY_ROOT = hexOf(hash("sha256", new Uint8Array(0), "buffer"));

/**
 * Merkle tree of RFC 9162 §2.1 over leaves that come one after another. It keeps the hash of every complete subtree,
 * 64 bytes a leaf, so roots and proofs of any size up to its own take O(log² n) hashes and no reading.
 */
export class MerkleTree {
  /** Level k: hashes of the complete subtrees of 2^k leaves, side by side, in pieces. */
  readonly #levels: Uint8Array[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(data: Uint8Array): void {
    let node = leafHash(data);
    let index = this.#size;
    for (let level = 0; ; level++, index >>>= 1) {
      this.#put(level, index, node);
      if (index % 2 === 0) break;
      node = nodeHash(this.#node(level, index - 1), node);
    }
    this.#size++;
  }

  /** Forgets the newest leaves: what comes next overwrites their hashes. */
  truncate(size: number): void {
    assert(size <= this.#size, "a tree is cut, not grown");
    this.#size = size;
  }

  /** Whether the leaf in this place is of that data. */
  holds(index: number, data: Uint8Array): boolean {
    return index < this.#size && Buffer.compare(this.#node(0, index), leafHash(data)) === 0;
  }

  /** Root of the first `size` leaves. */
  root(size = this.#size): Digest {
    this.#require(size);
    return size === 0 ? EMPTY_ROOT : hexOf(this.#hash(0, size));
  }

  /** PATH(index, D[0:size]) of RFC 9162 §2.1.3.1: from the leaf's sibling up. */
  inclusionProof(index: number, size = this.#size): Digest[] {
    this.#require(size);
    assert(index >= 0 && index < size, "the leaf is in the tree");
    const path: Digest[] = [];
    for (let [begin, end] = [0, size]; end - begin > 1; ) {
      const middle = begin + splitOf(end - begin);
      const isLeft = index < middle;
      path.push(hexOf(isLeft ? this.#hash(middle, end) : this.#hash(begin, middle)));
      [begin, end] = isLeft ? [begin, middle] : [middle, end];
    }
    return path.reverse();
  }

  /** PROOF(from, D[0:size]) of RFC 9162 §2.1.4.1: that the tree of `from` leaves is the beginning of this one. */
  consistencyProof(from: number, size = this.#size): Digest[] {
    this.#require(size);
    assert(from >= 0 && from <= size, "a tree is consistent with a smaller one");
    if (from === 0 || from === size) return [];
    const path: Digest[] = [];
    let [begin, end, isWhole] = [0, size, true];
    while (end > from) {
      const middle = begin + splitOf(end - begin);
      if (from <= middle) {
        path.push(hexOf(this.#hash(middle, end)));
        end = middle;
      } else {
        path.push(hexOf(this.#hash(begin, middle)));
        [begin, isWhole] = [middle, false];
      }
    }
    if (!isWhole) path.push(hexOf(this.#hash(begin, end)));
    return path.reverse();
  }

  #require(size: number): void {
    assert(size >= 0 && size <= this.#size, "the tree has that many leaves");
  }

  /** Hash of the leaves from `begin` to `end`; `begin` is a multiple of the power of two at or above their number. */
  #hash(begin: number, end: number): Uint8Array {
    const count = end - begin;
    const level = 31 - Math.clz32(count);
    if (count === 2 ** level) return this.#node(level, begin / count);
    const middle = begin + splitOf(count);
    return nodeHash(this.#hash(begin, middle), this.#hash(middle, end));
  }

  #node(level: number, index: number): Uint8Array {
    const nodes = this.#levels[level]?.[Math.floor(index / PIECE_NODES)];
    assert(nodes !== undefined, "the subtree is complete");
    const place = index % PIECE_NODES;
    return nodes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
  }

  #put(level: number, index: number, node: Uint8Array): void {
    const pieces = this.#levels[level] ?? [];
    this.#levels[level] = pieces;
    const [piece, place] = [Math.floor(index / PIECE_NODES), index % PIECE_NODES];
    let nodes = pieces[piece] ?? new Uint8Array(HASH_BYTES);
    if (nodes.length < (place + 1) * HASH_BYTES) {
      const grown = new Uint8Array(2 * nodes.length);
      grown.set(nodes);
      nodes = grown;
    }
    nodes.set(node, place * HASH_BYTES);
    pieces[piece] = nodes;
  }
}

/** Whether `root` is of a tree of `size` leaves whose leaf `index` is `data`; RFC 9162 §2.1.3.2. */
export function verifyInclusion(
  data: Uint8Array,
  index: number,
  size: number,
  path: readonly Digest[],
  root: Digest,
): boolean {
  if (index < 0 || index >= size) return false;
  let [fn, sn, node] = [index, size - 1, leafHash(data)];
  for (const sibling of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(bytesOf(sibling), node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      node = nodeHash(node, bytesOf(sibling));
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && hexOf(node) === root;
}

/** A root, with the number of leaves that it is of. */
export interface SizedRoot {
  readonly size: number;
  readonly root: Digest;
}

/** Whether the leaves under `before` are the first ones under `after`, in their order; RFC 9162 §2.1.4.2. */
export function verifyConsistency(before: SizedRoot, after: SizedRoot, path: readonly Digest[]): boolean {
  if (before.size < 0 || before.size > after.size) return false;
  if (before.size === after.size) return path.length === 0 && before.root === after.root;
  if (before.size === 0) return path.length === 0 && before.root === EMPTY_ROOT;
  const isPowerOfTwo = Number.isInteger(Math.log2(before.size));
  const [first, ...rest] = isPowerOfTwo ? [before.root, ...path] : path;
  if (first === undefined) return false;
  let [fn, sn] = [before.size - 1, after.size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [old, now] = [bytesOf(first), bytesOf(first)];
  for (const sibling of rest) {
    if (sn === 0) return false;
    const node = bytesOf(sibling);
    if (fn % 2 === 1 || fn === sn) {
      [old, now] = [nodeHash(node, old), nodeHash(node, now)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      now = nodeHash(now, node);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && hexOf(old) === before.root && hexOf(now) === after.root;
}

/** Bytes of a digest: an entry's hash is what its leaf holds. */
export function bytesOf(digest: Digest): Uint8Array {
  return Buffer.from(digest, "hex");
}

function half(count: number): number {
  return Math.floor(count / 2);
}

/** Largest power of two below `count`, for a count above 1. */
function splitOf(count: number): number {
  return 2 ** (31 - Math.clz32(count - 1));
}

function hexOf(bytes: Uint8Array): Digest {
  return Digest.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex"));
}
