/**
 * Everything that a site can send, field by field, and why it may leave. `fields.test.ts` walks the schemas of the wire
 * and fails for a field that is not here: whoever adds one says which of the three it is.
 */
export type Disclosed =
  /** A function of signed documents, ledgers, keys and the coordinator's own words. */
  | "public"
  /** Computed from records, by a mechanism; its event stands in both ledgers. */
  | "charged"
  /** May hang on records without noise: named in what the steward signed. */
  | "signed";

interface Fields {
  readonly [field: string]: Disclosed;
}

const all = (disclosed: Disclosed, ...fields: readonly string[]): Fields =>
  Object.fromEntries(fields.map((field) => [field, disclosed]));

/** Of schemas that several messages hold; a message names them with `→`. */
export const PARTS: Readonly<Record<string, Fields>> = {
  RoundKey: all("public", "study", "purpose", "round", "attempt"),
  LedgerHead: all("public", "writer", "sequence", "hash", "root"),
  // What was done, as the signed study says it: no field of it is taken from records.
  PrivacyEvent: all(
    "public",
    ...["kind", "adjacency", "samplingRate", "noiseMultiplier", "count", "sensitivity", "scale"],
    ...["samplerDistance.maxLogRatio", "samplerDistance.totalVariation", "gridStdDev", "epsilon"],
  ),
  // The same of a sanitizer, as its parameters and the study's ranges say it.
  RecordEvent: all(
    "public",
    ...["kind", "adjacency", "count", "coordinates", "diameter", "scale", "step", "noiseMultiplier"],
    ...["values", "odds", "epsilonPerDistance", "sampler"],
  ),
  // Fixed words, or words of the study, the caps and the ledgers (`PublicRefusal`); that there is one may be a fault's.
  Refusal: { code: "signed", kind: "public", what: "public", remedy: "public" },
  // Digest and length of bytes that are charged.
  BlobReference: all("charged", "digest", "bytes"),
  NoisedHistogram: { classes: "public", bins: "public", counts: "charged", scale: "public" },
  ApprovalStatement: all(
    "public",
    ...["site", "study", "studyDigest", "dataset", "steward", "number", "disclosures", "sanitized"],
    ...["cap.epsilon", "cap.delta", "cap.perStudy", "cap.study", "cap.periods.period", "cap.periods.epsilon"],
  ),
};

/** By message, request or body; `→ X` is every field of that part. */
export const SENT: Readonly<Record<string, Fields>> = {
  hello: all("public", "v", "type", "from", "to", "nonce", "tlsKey"),
  "hello (signed text)": all("public", "text", "signature"),
  header: all(
    "public",
    ...["v", "session", "type", "from", "to", "seq", "prevHash", "attachmentHash", "answers", "accepts"],
    // A digest of a body whose fields stand here.
    "bodyHash",
  ),
  ready: all(
    "public",
    ...["type", "own.head → LedgerHead", "own.signature", "held.head → LedgerHead", "held.signature"],
    "forgone → LedgerHead",
  ),
  "study-approved": all(
    "public",
    ...["type", "approval.statement → ApprovalStatement", "approval.stewardKey"],
    ...["approval.stewardSignature", "approval.siteSignature"],
  ),
  // Reason and counter-offer are the steward's own words, signed as a decision.
  "study-rejected": {
    ...all("public", "type", "study", "studyDigest"),
    reason: "signed",
    "counterOffer.epsilon": "signed",
  },
  // That there is one, and a refusal's reason, are the steward's own, signed as a decision.
  "release-answered": { ...all("public", "type", "study", "manifest", "signature"), refusal: "signed" },
  "round-declined": { type: "signed", "key → RoundKey": "public", "refusal → Refusal": "signed" },
  contribution: {
    ...all("public", "type", "key → RoundKey", "charges.charge", "charges.event → PrivacyEvent"),
    "content → BlobReference": "charged",
    ...all("public", "head.head → LedgerHead", "head.signature"),
    ...all("public", "countersigned.head → LedgerHead", "countersigned.signature"),
  },
  // What was done to whole data sets, as stewards signed it: that they were sanitized, never what is in them.
  "sanitizings-told": all(
    "public",
    ...["type", "charges.charge", "charges.dataset", "charges.events → RecordEvent", "charges.statement"],
    ...["charges.disclosure.of", "charges.disclosure.by", "charges.signature"],
  ),
  "head-countersigned": all("public", "type", "head → LedgerHead", "signature"),
  "certificate-wanted": all("public", "type", "csr"),
  "ledger-wanted": all("public", "type"),
  // Its attachment is of the site's own ledger: what was charged, approved and capped, by whose word.
  "ledger-told": all("public", "type", "part", "parts"),
  accepted: all("public", "type", "certificate"),
  refused: { type: "public", "refusal → Refusal": "signed" },
  enrolment: all(
    "public",
    ...["v", "site", "secret", "csr", "identityKey", "stewardKey", "identitySignature", "stewardSignature"],
  ),
  "attachment or upload: normalisation": { purpose: "public", sums: "charged" },
  "attachment or upload: evaluation": { purpose: "public", "histogram → NoisedHistogram": "charged" },
  "attachment or upload: shadow": {
    purpose: "public",
    ...all("charged", "members → NoisedHistogram", "nonMembers → NoisedHistogram"),
  },
  "attachment or upload: choice": { purpose: "public", chosen: "charged" },
  "attachment or upload: audit": {
    ...all("public", "purpose", "attacks.attack", "canaries.count", "canaries.guesses"),
    ...all("charged", "attacks.members → NoisedHistogram", "attacks.nonMembers → NoisedHistogram"),
    "utility → NoisedHistogram": "charged",
    // Hangs on records through the released model alone, whose rounds were charged.
    "canaries.correct": "charged",
  },
};
