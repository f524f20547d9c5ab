/** NumPy's archives, as far as these studies need them: plain arrays, ZIP members stored or deflated. */
import zlib from "node:zlib";

/** An array of an archive: its type, its sides and its bytes. */
export function arrayOf(archive, name) {
  const body = member(archive, `${name}.npy`);
  const headLength = body.readUInt16LE(8);
  const head = body.subarray(10, 10 + headLength).toString("latin1");
  const [, descr = ""] = /'descr': '([^']+)'/.exec(head) ?? [];
  const [, shape = ""] = /'shape': \(([^)]*)\)/.exec(head) ?? [];
  return {
    descr,
    shape: shape
      .split(",")
      .filter((side) => side.trim() !== "")
      .map(Number),
    bytes: body.subarray(10 + headLength),
  };
}

/** Texts of an array of one side. */
export function textsOf(archive, name) {
  const { descr, bytes } = arrayOf(archive, name);
  const width = Number(/^<U(\d+)$/.exec(descr)?.[1] ?? 0);
  if (width === 0) throw new Error(`${name} holds no texts`);
  return Array.from({ length: bytes.length / (4 * width) }, (_, row) => {
    const codes = Array.from({ length: width }, (_, i) => bytes.readUInt32LE(4 * (row * width + i)));
    return String.fromCodePoint(...codes.filter((code) => code > 0));
  });
}

/** By the archive's central directory (APPNOTE 6.3.3, §4.3). */
export function member(bytes, name) {
  let at = bytes.readUInt32LE(bytes.lastIndexOf("PK\x05\x06") + 16);
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const [method, packed] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => bytes.readUInt16LE(at + place));
    const local = bytes.readUInt32LE(at + 42);
    if (bytes.subarray(at + 46, at + 46 + nameLength).toString() === name) {
      const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const content = bytes.subarray(from, from + packed);
      return method === 8 ? zlib.inflateRawSync(content) : content;
    }
    at += 46 + nameLength + extra + comment;
  }
  throw new Error(`the archive has no ${name}`);
}

/** NumPy's format, version 1.0. */
export function npy(descr, shape, body) {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const padded = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  const head = Buffer.from("\x93NUMPY\x01\x00\0\0", "latin1");
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, "latin1"), body]);
}

/** Texts of one side. */
export function texts(values) {
  const width = Math.max(...values.map((value) => value.length));
  const body = Buffer.alloc(values.length * width * 4);
  values.forEach((value, row) => {
    for (let at = 0; at < value.length; at++) body.writeUInt32LE(value.charCodeAt(at), (row * width + at) * 4);
  });
  return npy(`<U${width}`, [values.length], body);
}

/** A ZIP archive of stored members (APPNOTE 6.3.3, §4.3). */
export function zipOf(arrays) {
  const [locals, centrals] = [[], []];
  let at = 0;
  for (const [name, body] of Object.entries(arrays)) {
    const file = Buffer.from(`${name}.npy`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(zlib.crc32(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(file.length, 22);
    locals.push(Buffer.from("PK\x03\x04"), common, file, body);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    centrals.push(Buffer.from("PK\x01\x02\x14\0"), common, rest, file);
    at += 30 + file.length + body.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(arrays).length, 4);
  end.writeUInt16LE(Object.keys(arrays).length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, central, Buffer.from("PK\x05\x06"), end]);
}
