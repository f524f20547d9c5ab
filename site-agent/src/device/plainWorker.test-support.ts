import { writeFileSync } from "node:fs";
import path from "node:path";

/**
 * Writes a worker program that starts at once, for it has no tensors: coordinate i of a shard's sum is the shard's
 * number of records plus i times the sum of its features. It ends at a study that is opened twice or has no model yet.
 * What `wrong` says is done in its stead where WRONG is 1.
 */
export function writePlainWorker(folder: string, name: string, dimension: number, wrong = ""): URL {
  const file = path.join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `${PROTOCOL}\nconst dimension = ${dimension};\nif (process.env.WRONG === "1") {\n${wrong}\n} else serve();\n`,
  );
  return new URL(`file://${file}`);
}

/** The same by arithmetic. */
export function plainSum(records: number, features: Float32Array, dimension: number): Float64Array {
  const total = features.reduce((sum, value) => sum + value, 0);
  return Float64Array.from({ length: dimension }, (_, i) => records + i * total);
}

const PROTOCOL = `
import { readSync, writeSync } from "node:fs";
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const write = (bytes) => { for (let i = 0; i < bytes.length; ) i += writeSync(3, bytes, i); };
const read = (length) => {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; ) {
    const got = readSync(3, bytes, i, length - i, null);
    if (got === 0) process.exit(0);
    i += got;
  }
  return bytes;
};
const say = (header) => {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  write(Buffer.concat([length, text]));
};
const ready = (backend) => say({ type: "ready", backend, bytes: 0 });
const order = () => {
  const header = JSON.parse(read(read(4).readUInt32LE()).toString());
  return { ...header, body: read(header.bytes) };
};
function serve() {
  ready("wasm");
  const open = new Set();
  const models = new Set();
  for (;;) {
    const { type, study, id, records, featureCount, body } = order();
    if (type === "open" && open.has(study)) process.exit(2);
    if (type === "open") open.add(study);
    if (type === "close") {
      open.delete(study);
      models.delete(study);
    }
    if (type === "model" && !open.has(study)) process.exit(3);
    if (type === "model") models.add(study);
    if (type !== "sum") continue;
    if (!models.has(study)) process.exit(4);
    const features = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + 4 * records * featureCount));
    const total = features.reduce((sum, value) => sum + value, 0);
    const sum = Buffer.from(Float64Array.from({ length: dimension }, (_, i) => records + i * total).buffer);
    pause(10);
    say({ type: "sum", id, width: 8, bytes: sum.length });
    for (let i = 0; i < 20; i++) {
      write(sum.subarray(Math.floor((i * sum.length) / 20), Math.floor(((i + 1) * sum.length) / 20)));
      pause(2);
    }
  }
}`;
