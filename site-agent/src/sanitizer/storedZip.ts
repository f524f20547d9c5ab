/** Records of a zip archive whose members are stored as they are, in one go: APPNOTE.TXT 6.3.10, 4.3. */

const [LOCAL, DESCRIPTOR, ENTRY, END] = [0x04034b50, 0x08074b50, 0x02014b50, 0x06054b50];
export const DESCRIPTOR_BYTES = 16;
/** Sizes and checksum follow the data; names are UTF-8. */
const FLAGS = (1 << 3) | (1 << 11);
const VERSION = 20;
/** 1980-01-01: a zip archive has no earlier day, and when a file was made is nobody's concern. */
const DAY = (1 << 5) | 1;

/** Before a member's bytes. */
export function localHeader(name: string): Uint8Array {
  const bytes = Buffer.from(`${name}`);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(DAY, 12);
  header.writeUInt16LE(bytes.length, 26);
  return Buffer.concat([header, bytes]);
}

/** Behind them. */
export function descriptor(sum: number, bytes: number): Uint8Array {
  const record = Buffer.alloc(DESCRIPTOR_BYTES);
  record.writeUInt32LE(DESCRIPTOR, 0);
  record.writeUInt32LE(sum, 4);
  record.writeUInt32LE(bytes, 8);
  record.writeUInt32LE(bytes, 12);
  return record;
}

/** At the archive's end, for each member in turn. */
export function directoryEntry(
  name: string,
  { sum, bytes, offset }: { readonly sum: number; readonly bytes: number; readonly offset: number },
): Uint8Array {
  const named = Buffer.from(`${name}`);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(ENTRY, 0);
  entry.writeUInt16LE(VERSION, 4);
  entry.writeUInt16LE(VERSION, 6);
  entry.writeUInt16LE(FLAGS, 8);
  entry.writeUInt16LE(DAY, 14);
  entry.writeUInt32LE(sum, 16);
  entry.writeUInt32LE(bytes, 20);
  entry.writeUInt32LE(bytes, 24);
  entry.writeUInt16LE(named.length, 28);
  entry.writeUInt32LE(offset, 42);
  return Buffer.concat([entry, named]);
}

/** The last. */
export function endRecord(entries: number, bytes: number, offset: number): Uint8Array {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(bytes, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
