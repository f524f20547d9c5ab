import { Failure } from "../failure/failure.ts";

const BLOCK = 512;
const NAME_BYTES = 100;
/** Octal digits of a size in the header: 8 GiB. */
const SIZE_DIGITS = 11;

/** Fields of a header block (POSIX.1-1988, ustar): where each begins, and how long it is. */
const FIELDS = {
  name: [0, NAME_BYTES],
  mode: [100, 8],
  owner: [108, 8],
  group: [116, 8],
  size: [124, 12],
  time: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
} as const;

/**
 * A release as one archive: plain files by sorted names, each with mode 644, owner 0 and time 0. The same files give
 * the same bytes, whoever packs them and when.
 */
export function writeTar(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const names = [...files.keys()].sort();
  const contents = names.map((name) => ({ name, content: files.get(name) ?? new Uint8Array() }));
  const whole = new Uint8Array(contents.reduce((sum, { content }) => sum + BLOCK + padded(content.length), 2 * BLOCK));
  let position = 0;
  for (const { name, content } of contents) {
    whole.set(header(name, content.length), position);
    whole.set(content, position + BLOCK);
    position += BLOCK + padded(content.length);
  }
  return whole;
}

/**
 * The files of an archive that `writeTar` wrote, and of no other: what was read is written again and must be the same
 * bytes. So there is no link, no file outside of the folder, none twice, and nothing between or behind them.
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let position = 0;
  while (position + BLOCK <= archive.length && archive[position] !== 0) {
    const block = archive.subarray(position, position + BLOCK);
    const name = text(block, "name");
    const size = Number.parseInt(text(block, "size"), 8);
    if (!isInside(name)) throw refused(`names a file outside of its folder, ${JSON.stringify(name)}`);
    if (text(block, "type") !== "0") throw refused(`holds ${name} as something else than a file, such as a link`);
    if (files.has(name)) throw refused(`holds ${name} twice`);
    const end = position + BLOCK + size;
    if (!Number.isSafeInteger(size) || end > archive.length) throw refused(`is cut short within ${name}`);
    files.set(name, archive.subarray(position + BLOCK, end));
    position += BLOCK + padded(size);
  }
  const isCanonical = files.size > 0 && Buffer.compare(writeTar(files), archive) === 0;
  if (!isCanonical) throw refused("is cut short, altered, or packed by something else than `consilium release pack`");
  return files;
}

/** Letters, digits, `.`, `_` and `-` between slashes; no part is empty or begins with a dot. */
function isInside(name: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(name);
}

function header(name: string, size: number): Uint8Array {
  const digits = size.toString(8).padStart(SIZE_DIGITS, "0");
  if (!isInside(name) || name.length > NAME_BYTES)
    throw refused(`can't hold a file by the name ${JSON.stringify(name)}`);
  if (digits.length > SIZE_DIGITS) throw refused(`can't hold ${name}: it has more than 8 GiB`);
  const block = new Uint8Array(BLOCK);
  const write = (field: keyof typeof FIELDS, value: string): void => {
    block.set(new TextEncoder().encode(value), FIELDS[field][0]);
  };
  write("name", name);
  write("mode", "0000644");
  for (const field of ["owner", "group", "major", "minor"] as const) write(field, "0000000");
  write("size", digits);
  write("time", "0".repeat(SIZE_DIGITS));
  write("type", "0");
  write("magic", "ustar\x0000");
  // Its own field counts as eight spaces.
  write("checksum", " ".repeat(8));
  const sum = block.reduce((total, byte) => total + byte, 0);
  write("checksum", `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function text(block: Uint8Array, field: keyof typeof FIELDS): string {
  const [start, length] = FIELDS[field];
  const bytes = block.subarray(start, start + length);
  const end = bytes.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

function refused(why: string): Failure {
  return new Failure({
    code: "release/tar-refused",
    kind: "refused",
    what: `The archive ${why}.`,
    remedy: "Get the release again from its publisher; an archive that another program packed is verified as a folder.",
  });
}
