import { assert } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";

/**
 * A float tensor's numbers, borrowed: good until the next tensor operation or disposal, never to be written.
 * On wasm this is a view of its heap: reading 84 MB through `dataSync` costs 80 ms in page faults, the view nothing.
 */
export function borrowData(tensor: tf.Tensor): Float32Array {
  const backend = tf.backend();
  const data = hasHeap(backend) ? backend.typedArrayFromHeap(tensor) : tensor.dataSync();
  if (!(data instanceof Float32Array)) throw new TypeError("borrowData: not a float32 tensor");
  return data;
}

/** A float tensor's numbers, that outlast further operations; never to be written, for a tensor may share them. */
export function ownData(tensor: tf.Tensor): Float32Array {
  const data = borrowData(tensor);
  return hasHeap(tf.backend()) ? data.slice() : data;
}

/** Numbers that a computation found; every tensor that it made is gone. */
export function numbersFrom<Numbers>(compute: () => Numbers): Numbers {
  const found: { numbers?: Numbers } = {};
  tf.tidy(() => {
    found.numbers = compute();
  });
  assert(found.numbers !== undefined, "a computation finds its numbers");
  return found.numbers;
}

interface WithHeap {
  typedArrayFromHeap(tensor: tf.TensorInfo): unknown;
}

function hasHeap(backend: object): backend is WithHeap {
  return "typedArrayFromHeap" in backend;
}
