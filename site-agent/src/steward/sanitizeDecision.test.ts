import { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { plannedRelease } from "@consilium/shared/sanitizer/plannedRelease";
import { signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { DatasetId, Digest, SiteName } from "@consilium/shared/units/identity";
import { describe, expect, test } from "vitest";
import { sanitizeEffect } from "./sanitizeDecision.ts";
import { DISCLOSURE_DOMAIN, SanitizeWords } from "./statement.ts";

const dataset = DatasetId.parse("heart");
const content = Digest.parse("ab".repeat(32));
const record = { dataset, path: "/heart.csv", registeredAt: "", frozen: false, content, splitRule: null };
const [bell, koch, stranger] = [1, 2, 3].map((seed) => signerOf(new Uint8Array(32).fill(seed)));
const laplace = SanitizerMethod.parse({
  ...{ method: "dct-laplace", coefficients: 4, firstBound: null, l1Bound: 2, epsilon: 1 },
});
const randomised = LabelRule.parse({ label: "randomised", epsilon: 0.5 });

function wordsFor(method: SanitizerMethod, labels: LabelRule, changes: object = {}): SanitizeWords {
  const counts = { columns: 4, labelValues: 3, recordsPerPatient: 2 };
  const { events, disclosed } = plannedRelease(method, labels, counts);
  const words = {
    charge: "sanitize/heart/1",
    dataset,
    content,
    method,
    labels,
    recordsPerPatient: 2,
    events,
    disclosed,
  };
  return SanitizeWords.parse({ ...words, ...changes });
}

interface Second {
  readonly name: string;
  readonly signer: typeof bell;
  readonly over?: SanitizeWords;
}

function effect(words: SanitizeWords, second?: Second, of = record) {
  if (bell === undefined || koch === undefined) throw new Error("keys");
  const stewards = [
    { name: "Dr. Bell", publicKey: bell.publicKey },
    { name: "Dr. Koch", publicKey: koch.publicKey },
  ];
  const also =
    second?.signer === undefined
      ? {}
      : {
          second: {
            steward: second.name,
            signature: signStatement(second.signer, DISCLOSURE_DOMAIN, second.over ?? words),
          },
        };
  const decision = { action: "sanitize" as const, ...words, ...also };
  const who = { by: "Dr. Bell", statement: Digest.parse("cd".repeat(32)) };
  return sanitizeEffect(decision, of, { site: SiteName.parse("basel"), stewards }, who);
}

const failing = (code: string): unknown => expect.objectContaining({ code });

describe("[SAN12] what stewards sign is what is charged", () => {
  test("the method's own events, m records m times, on the very data that were registered", () => {
    const { bodies } = effect(wordsFor(laplace, randomised));
    expect(bodies).toMatchObject([{ kind: "sanitizing", events: [{ count: 2 }, { count: 2, values: 3 }] }]);
    expect(() => effect(wordsFor(laplace, randomised, { content: "ef".repeat(32) }))).toThrow(failing("data/changed"));
  });

  test("of a frozen data set nothing is made", () => {
    const frozen = { ...record, frozen: true };
    expect(() => effect(wordsFor(laplace, randomised), undefined, frozen)).toThrow(failing("data/frozen"));
  });

  test("less than is done is refused: an event left out, counted once, or drawn with more noise", () => {
    const honest = wordsFor(laplace, randomised);
    const weaker = SanitizerMethod.parse({ ...laplace, epsilon: 0.5 });
    for (const events of [
      [],
      honest.events.slice(0, 1),
      honest.events.map((event) => ({ ...event, count: 1 })),
      wordsFor(weaker, randomised).events,
    ])
      expect(() => effect(wordsFor(laplace, randomised, { events }))).toThrow(failing("sanitizer/events-differ"));
    const open = wordsFor(laplace, LabelRule.parse({ label: "public" }), { disclosed: [] });
    expect(() => effect(open)).toThrow(failing("sanitizer/events-differ"));
  });

  test("a disclosure takes another steward's own signature over these very words", () => {
    const words = wordsFor(laplace, LabelRule.parse({ label: "public" }));
    const refused = failing("steward/second-missing");
    expect(() => effect(words)).toThrow(refused);
    expect(() => effect(words, { name: "Dr. Bell", signer: bell })).toThrow(refused);
    expect(() => effect(words, { name: "Dr. Koch", signer: bell })).toThrow(refused);
    expect(() => effect(words, { name: "Dr. Who", signer: stranger })).toThrow(refused);
    const other = wordsFor(laplace, LabelRule.parse({ label: "public" }), { charge: "sanitize/heart/2" });
    expect(() => effect(words, { name: "Dr. Koch", signer: koch, over: other })).toThrow(refused);
    const { bodies } = effect(words, { name: "Dr. Koch", signer: koch });
    expect(bodies).toMatchObject([{ disclosure: { of: ["labels"], by: ["Dr. Bell", "Dr. Koch"] } }]);
  });
});
