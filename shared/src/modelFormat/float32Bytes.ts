const BYTES = 4;

/** Numbers as little-endian float32, whatever the machine's own order. */
export function float32Bytes(values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(i * BYTES, values[i] ?? Number.NaN, true);
  return bytes;
}
