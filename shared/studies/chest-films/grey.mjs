/**
 * Makes a network of PyTorch that learnt on colours take grey films, whose three colours are one:
 *
 *   node shared/studies/chest-films/grey.mjs resnet18.safetensors resnet18-grey.safetensors
 *
 * A study scales a pixel g of [0, 1] to x = 2g − 1; the network learnt on (g − m) / s of each colour (ImageNet's
 * means and deviations, as torchvision has them; this ResNet-20 too). Both are affine, so the first layer takes them:
 * its kernels become the sum over colours of kernel / 2s, and the running mean of the batch normalisation behind it,
 * which has no bias before it, falls by the sum of kernel · (1/2 − m) / s. The same outputs but at the picture's edge,
 * where padding now is mid-grey in place of the mean.
 */
import { readFileSync, writeFileSync } from "node:fs";

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const [KERNEL, RUNNING_MEAN] = ["conv1.weight", "bn1.running_mean"];

const [source, target] = process.argv.slice(2);
if (target === undefined) {
  console.error("usage: node grey.mjs FROM.safetensors TO.safetensors");
  process.exit(2);
}
const { tensors, metadata } = readSafetensors(readFileSync(source));
const kernel = tensors.get(KERNEL);
const mean = tensors.get(RUNNING_MEAN);
if (kernel?.shape[1] !== 3 || mean === undefined) {
  console.error(`${source} has no ${KERNEL} of three colours with ${RUNNING_MEAN} behind it; nothing was written.`);
  process.exit(1);
}
const [outputs, colours, height, width] = kernel.shape;
const area = height * width;
const grey = new Float32Array(outputs * area);
for (let output = 0; output < outputs; output++) {
  let shift = 0;
  for (let place = 0; place < area; place++) {
    let sum = 0;
    for (let colour = 0; colour < colours; colour++) {
      const weight = kernel.values[(output * colours + colour) * area + place];
      sum += weight / (2 * DEVIATION[colour]);
      shift += (weight * (0.5 - MEAN[colour])) / DEVIATION[colour];
    }
    grey[output * area + place] = sum;
  }
  mean.values[output] -= shift;
}
tensors.set(KERNEL, { shape: [outputs, 1, height, width], values: grey });
writeFileSync(target, safetensorsOf(tensors, metadata));

/** Float32 tensors alone. */
function readSafetensors(bytes) {
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.subarray(8, 8 + headerLength).toString("utf8"));
  const tensors = new Map();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(entries)) {
    if (dtype !== "F32") {
      // Counters of batches that PyTorch keeps, which no study reads.
      if (name.endsWith("num_batches_tracked")) continue;
      console.error(`${name} is ${dtype}, and this reads F32; nothing was written.`);
      process.exit(1);
    }
    const own = bytes.subarray(8 + headerLength + from, 8 + headerLength + to);
    tensors.set(name, { shape, values: new Float32Array(new Uint8Array(own).buffer) });
  }
  return { tensors, metadata };
}

function safetensorsOf(tensors, metadata) {
  let at = 0;
  const header = { __metadata__: { ...metadata, format: "pt" } };
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.byteLength] };
    at += values.byteLength;
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (text.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bodies = [...tensors.values()].map(({ values }) => Buffer.from(values.buffer));
  return Buffer.concat([length, Buffer.from(text), ...bodies]);
}
