/** A site for tests: its side of the protocol, with none of its privacy. */
import { packIntegers } from "@consilium/shared/contribution/pack";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { digestOf } from "@consilium/shared/encoding/digest";
import { GENESIS_HASH } from "@consilium/shared/ledger/entry";
import { evaluationShape } from "@consilium/shared/metric/evaluation";
import { publicUniform } from "@consilium/shared/model/initial";
import { normalisedColumns } from "@consilium/shared/normalisation/rule";
import { sumStatistics } from "@consilium/shared/normalisation/statistics";
import {
  type CoordinatorMessage,
  LEDGER_HEAD_DOMAIN,
  type RoundKey,
  type SignedHead,
  type SiteMessage,
} from "@consilium/shared/protocol/messages";
import { type Signer, signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, ApprovalStatement } from "@consilium/shared/study/approval";
import { chargeId } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { lineDocument, placeOf } from "@consilium/shared/study/modelLines";
import { gridOfStudy } from "@consilium/shared/study/network";
import { DatasetId, type Digest, type SiteName } from "@consilium/shared/units/identity";
import { chargesOf } from "../ledger/bookings.ts";

/** How a site behaves; `answers` unless a test says otherwise. */
export type Habit = "answers" | "silent" | "declines" | "loses-first" | "malformed" | "away";

/** A site's side of the protocol, with none of its privacy: noise from a seed, a ledger that is only a number. */
export class FakeSite {
  readonly name: SiteName;
  habit: Habit = "answers";
  readonly identity: Signer;
  readonly steward: Signer;
  /** Everything that it was sent. */
  readonly heard: CoordinatorMessage[] = [];
  /** What it packed for each attempt: kept, and sent again byte for byte. */
  readonly packed = new Map<string, Uint8Array>();
  #sequence = 0;
  /** Number of its steward's newest decision. */
  #decisions = 0;

  constructor(name: SiteName, seed: number) {
    this.name = name;
    this.identity = signerOf(new Uint8Array(32).fill(seed));
    this.steward = signerOf(new Uint8Array(32).fill(seed + 100));
  }

  head(): SignedHead {
    const head = {
      writer: this.name,
      sequence: this.#sequence,
      hash: this.#sequence === 0 ? GENESIS_HASH : digestOf(`${this.name} ${this.#sequence}`),
      root: digestOf(`root of ${this.name} ${this.#sequence}`),
    };
    return { head, signature: signStatement(this.identity, LEDGER_HEAD_DOMAIN, head) };
  }

  approval(
    document: StudyDocument,
    studyDigest: Digest,
    cap = 50,
    dataset = "clinic",
    number: number | null = ++this.#decisions,
  ): SiteMessage {
    const statement = ApprovalStatement.parse({
      site: this.name,
      study: document.name,
      studyDigest,
      dataset: DatasetId.parse(dataset),
      cap: { epsilon: cap, delta: 1e-4 },
      steward: "steward",
      ...(number === null ? {} : { number }),
    });
    return {
      type: "study-approved",
      approval: {
        statement,
        stewardKey: this.steward.publicKey,
        stewardSignature: signStatement(this.steward, APPROVAL_DOMAIN, statement),
        siteSignature: signStatement(this.identity, APPROVAL_DOMAIN, statement),
      },
    };
  }

  contribution(document: StudyDocument, key: RoundKey): { message: SiteMessage; attachment: Uint8Array } {
    const name = canonicalJson(key);
    const attachment = this.packed.get(name) ?? contributionBytes(document, key, this.name, this.habit === "malformed");
    if (!this.packed.has(name)) this.#sequence += 1;
    this.packed.set(name, attachment);
    const charges = chargesOf(document, key.purpose).map(({ part, event }) => ({
      charge: chargeId(key, this.name, part),
      event,
    }));
    const content = { digest: digestOf(attachment), bytes: attachment.length };
    return { message: { type: "contribution", key, content, charges, head: this.head() }, attachment };
  }
}

/** Of 400 patients who crowd into a tenth of each column's range: exact, so that a test knows what follows. */
function sumsOf({ normalisation, data }: StudyDocument): readonly number[] {
  if (normalisation === undefined) throw new RangeError("a study that is normalised says how");
  const columns = normalisedColumns(normalisation, data).length;
  const patients = Array.from({ length: 400 }, (_, i) => new Array<number>(columns).fill(-0.9 + (0.2 * i) / 400));
  return sumStatistics(normalisation, columns, patients).values;
}

function contributionBytes(document: StudyDocument, key: RoundKey, site: string, isMalformed: boolean): Uint8Array {
  const random = publicUniform(Number.parseInt(digestOf(canonicalJson({ key, site })).slice(0, 8), 16));
  if (key.purpose === "train" || key.purpose === "reference") {
    const grid = gridOfStudy(lineDocument(document, placeOf(document, key).line));
    const values = Int32Array.from({ length: grid.dimension }, () => Math.round((random() - 0.5) * 40));
    const bytes = packIntegers(values, grid.bits);
    // All bits set after the last number: its length is right and its content is not.
    return isMalformed ? new Uint8Array(bytes.length).fill(0x80) : bytes;
  }
  if (key.purpose === "normalise") return Buffer.from(canonicalJson({ purpose: "normalise", sums: sumsOf(document) }));
  const counts = (cells: number): number[] => Array.from({ length: cells }, () => Math.round(60 + random() * 10));
  const { evaluation, audit } = document;
  if (key.purpose === "evaluate") {
    const shape = evaluationShape(2, evaluation.bins);
    const histogram = { ...shape, counts: counts(shape.classes * shape.bins), scale: 1 / evaluation.epsilon };
    return Buffer.from(canonicalJson({ purpose: "evaluate", histogram }));
  }
  const attacks = audit.attacks.map((attack) => ({
    attack,
    members: { classes: 1, bins: audit.bins, counts: counts(audit.bins), scale: 1 / audit.epsilon.members },
    nonMembers: { classes: 1, bins: audit.bins, counts: counts(audit.bins), scale: 1 / audit.epsilon.nonMembers },
  }));
  const { canaries } = audit;
  const guesses =
    canaries === undefined ? {} : { canaries: { ...canaries, correct: Math.floor(canaries.guesses / 2) } };
  return Buffer.from(canonicalJson({ purpose: "audit", attacks, ...guesses }));
}
