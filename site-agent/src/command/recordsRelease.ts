/** `consilium-site data release`: sanitized records for others, without patients' keys, by the steward's signature. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { signStatement } from "@consilium/shared/signing/ed25519";
import { isArrayValue, type RawValue } from "@consilium/shared/study/features";
import { Digest } from "@consilium/shared/units/identity";
import { NextDecision } from "../control/request.ts";
import {
  CARD_FILE,
  cardOf,
  RECORDS_FILE,
  RELEASE_FILE,
  type RecordsRelease,
  signRelease,
} from "../sanitizer/recordsRelease.ts";
import { RECORDS_DOMAIN, RecordsWords } from "../steward/statement.ts";
import { readKeys } from "../storage/keys.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { registeredDataset } from "./datasets.ts";
import { freeFolder, makeWhole, writeWhole } from "./freshFolder.ts";
import { openNamed } from "./localFile.ts";
import { runnable } from "./output.ts";
import { type PaidFile, paidFile, requireUntouched } from "./sanitizedSource.ts";

export interface RecordsReleaseOptions {
  readonly dataset: string | undefined;
  readonly out: string;
  readonly reason: string;
  readonly steward: StewardOptions;
  /** Another steward, where features or labels have no figure. */
  readonly second: StewardOptions | null;
}

/** Column by which a patient's records hold together, where a patient has several. */
const PATIENT = "patient";

export async function releaseRecords(
  context: CommandContext,
  path: string,
  options: RecordsReleaseOptions,
): Promise<void> {
  const { output } = context;
  const { dataset } = await registeredDataset(context, options.dataset);
  const { site } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const paid = await paidFile(context, path, { site, dataset });
  const { disclosed, statement } = paid.manifest;
  if (disclosed.length > 0 && options.second === null) throw secondMissing(disclosed);
  for (const sentence of statement.sentences) output.say(sentence);
  output.say("Patients' keys and the split stay here. What is handed out can't be called back.");
  const out = await freeFolder(options.out, null);
  const { words, records } = await makeWhole(out, async (partial) => {
    const { digest, records } = await writeRecords(join(partial, RECORDS_FILE), paid);
    await requireUntouched(paid);
    const words = RecordsWords.parse({ site, dataset, charge: paid.charge, file: digest, reason: options.reason });
    const { signer, sealed } = await stewardOf(context, options.steward, `Hand out the records of ${basename(path)}?`);
    const other = options.second === null ? null : await stewardOf(context, options.second, "Sign for it too?");
    const signers = [
      { signer, name: sealed.steward },
      ...(other === null ? [] : [{ signer: other.signer, name: other.sealed.steward }]),
    ];
    const signedBy = signers.map(({ signer: by, name }) => ({
      steward: name,
      publicKey: by.publicKey,
      signature: signStatement(by, RECORDS_DOMAIN, words),
    }));
    const release = releaseOf(paid, words, records, signedBy);
    const { identity } = await readKeys(context.folder);
    await writeWhole(join(partial, RELEASE_FILE), `${JSON.stringify(signRelease(release, identity), null, 2)}\n`);
    await writeWhole(join(partial, CARD_FILE), cardOf(release));
    const [first, second] = signedBy;
    await decideAs(context, signer, () => ({
      action: "release-records",
      words,
      signature: first?.signature ?? signStatement(signer, RECORDS_DOMAIN, words),
      ...(second === undefined ? {} : { second: { steward: second.steward, signature: second.signature } }),
    }));
    return { words, records };
  });
  output.result({ out, ...words, records }, [
    `Wrote ${records} sanitized records to ${out}; whose they are stands nowhere in it.`,
    runnable(`Next: consilium-site data verify ${out}`),
  ]);
}

/** Lines in the file's own order, which is that of the patients' hashed keys; a patient is a number here. */
async function writeRecords(
  path: string,
  { path: from, manifest }: PaidFile,
): Promise<{ digest: Digest; records: number }> {
  const { patient, split } = manifest.columns;
  const connector = await openNamed(from);
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  let records = 0;
  try {
    const all = await connector.columns();
    const kept = all.filter((name) => name !== patient && name !== split);
    const hasSeveral = patient !== null && manifest.recordsPerPatient > 1;
    const write = async (lines: readonly (readonly string[])[]): Promise<void> => {
      const bytes = Buffer.from(lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join(""), "utf8");
      hash.update(bytes);
      await file.appendFile(bytes);
    };
    await write([[...(hasSeveral ? [PATIENT] : []), ...kept]]);
    const numbers = new Map<string, number>();
    for await (const rows of connector.rows([...kept, ...(hasSeveral ? [patient] : [])])) {
      records += rows.length;
      await write(
        rows.map((row) => {
          const cells = row.slice(0, kept.length).map(cellText);
          if (!hasSeveral) return cells;
          const whose = String(row[kept.length] ?? "");
          const number = numbers.get(whose) ?? numbers.size + 1;
          numbers.set(whose, number);
          return [String(number), ...cells];
        }),
      );
    }
    await file.sync();
  } finally {
    await file.close();
    await connector.close();
  }
  return { digest: Digest.parse(hash.digest("hex")), records };
}

function cellText(value: RawValue): string {
  if (isArrayValue(value)) throw notATable();
  return value === null || value === undefined ? "" : String(value);
}

function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function releaseOf(
  { manifest }: PaidFile,
  words: RecordsWords,
  records: number,
  signedBy: RecordsRelease["signedBy"],
): RecordsRelease {
  const { method, labels, recordsPerPatient, disclosed, statement } = manifest;
  const about = { method, labels, recordsPerPatient, disclosed, promises: statement.sentences, signedBy };
  return { kind: "consilium-sanitized-records", formatVersion: 1, words, records, ...about };
}

function secondMissing(disclosed: readonly string[]): Failure {
  return new Failure({
    code: "steward/second-missing",
    kind: "usage",
    what: `The ${disclosed.join(" and ")} of these records have no figure: handing them out is an unprotected disclosure.`,
    remedy: "Two stewards sign for that: name the other one with --second NAME. Nothing was written.",
  });
}

function notATable(): Failure {
  return new Failure({
    code: "data/not-a-table",
    kind: "usage",
    what: "These sanitized records hold arrays, and a table of text has no cell for one.",
    remedy: "Hand out tables only; pictures whose pixels were noised protect nobody in them.",
  });
}
