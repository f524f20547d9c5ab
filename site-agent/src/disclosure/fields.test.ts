import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EnrolmentRequest } from "@consilium/certs/enrolment";
import { AuditContribution, EvaluationContribution } from "@consilium/shared/audit/contribution";
import { NoisedHistogram } from "@consilium/shared/audit/histogram";
import { ShadowContribution } from "@consilium/shared/audit/shadow";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { RecordEvent } from "@consilium/shared/event/recordEvent";
import { Failure, Refusal } from "@consilium/shared/failure/failure";
import { ChoiceContribution } from "@consilium/shared/generator/choice";
import { LedgerHead } from "@consilium/shared/ledger/entry";
import { NormaliseContribution } from "@consilium/shared/normalisation/contribution";
import { Header } from "@consilium/shared/protocol/envelope";
import { Hello, SignedText } from "@consilium/shared/protocol/handshake";
import { BlobReference, ReplyBody, RoundKey, SiteMessage } from "@consilium/shared/protocol/messages";
import { Ready } from "@consilium/shared/protocol/ready";
import { ApprovalStatement } from "@consilium/shared/study/approval";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Link } from "../socket/link.ts";
import { PARTS, SENT } from "./fields.ts";
import { asCharged, chargedBytesOf, declined, publicPartOf, publicRefusal } from "./outgoing.ts";

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  RoundKey,
  LedgerHead,
  PrivacyEvent,
  RecordEvent,
  Refusal,
  BlobReference,
  NoisedHistogram,
  ApprovalStatement,
};

/** Paths of all values that a schema lets through; a schema that is a part of its own ends a path with its name. */
function pathsOf(schema: unknown, path = "", isTop = true): string[] {
  const part = Object.entries(SCHEMAS).find(([, known]) => known === schema)?.[0];
  if (part !== undefined && !isTop) return [`${path} → ${part}`];
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([name, field]) =>
      pathsOf(field, path === "" ? name : `${path}.${name}`, false),
    );
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => pathsOf(option, path, false));
  if (schema instanceof z.ZodArray) return pathsOf(schema.element, path, false);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return pathsOf(schema.unwrap(), path, false);
  const isLeaf =
    schema instanceof z.ZodString ||
    schema instanceof z.ZodNumber ||
    schema instanceof z.ZodLiteral ||
    schema instanceof z.ZodEnum ||
    schema instanceof z.ZodStringFormat;
  if (!isLeaf) throw new Error(`${path}: a form of schema that this walk doesn't know`);
  return [path];
}

const sorted = (paths: readonly string[]): string[] => [...new Set(paths)].sort();

/** Each message of a union by the name of its type. */
function messagesOf(union: { readonly options: readonly z.ZodObject[] }): [string, z.ZodType][] {
  return union.options.map((option) => {
    const { type } = option.shape;
    if (!(type instanceof z.ZodLiteral)) throw new Error("a message has its type");
    return [String(type.value), option];
  });
}

const WIRE: readonly (readonly [string, z.ZodType])[] = [
  ["hello", Hello],
  ["hello (signed text)", SignedText],
  ["header", Header],
  ["ready", Ready],
  ...messagesOf(SiteMessage),
  ...messagesOf(ReplyBody),
  ["enrolment", EnrolmentRequest],
  ["attachment or upload: normalisation", NormaliseContribution],
  ["attachment or upload: evaluation", EvaluationContribution],
  ["attachment or upload: shadow", ShadowContribution],
  ["attachment or upload: choice", ChoiceContribution],
  ["attachment or upload: audit", AuditContribution],
];

/** The agent's own code that matches, tests left out. */
function filesWith(pattern: RegExp): string[] {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.ts$/.test(path) && !path.includes(".test"))
    .filter((path) => pattern.test(readFileSync(join(folder, path), "utf8")))
    .sort();
}

/** Files of the agent that can open a connection, and what they are for. */
const OPENING = {
  "command/doctor.ts": "asks whether the coordinator can be reached; sends nothing of data",
  "command/enrol.ts": "the enrolment",
  "http/server.ts": "the steward's own page: listens on 127.0.0.1 alone, connects to nobody",
  "socket/connection.ts": "the link",
  "socket/link.ts": "the link's transfers",
  "socket/transfers.ts": "uploads of charged contributions, downloads",
};

describe("[HND11] whatever a site can send is public, charged, or signed for by its steward", () => {
  test.each(WIRE)("%s: each field is accounted for, and no other", (name, schema) => {
    expect(sorted(Object.keys(SENT[name] ?? {}))).toEqual(sorted(pathsOf(schema)));
  });

  test.each(Object.entries(SCHEMAS))("each field of a %s", (name, schema) => {
    expect(sorted(Object.keys(PARTS[name] ?? {}))).toEqual(sorted(pathsOf(schema)));
  });

  test("nothing is accounted for that no site sends", () => {
    expect(sorted(Object.keys(SENT))).toEqual(sorted(WIRE.map(([name]) => name)));
    expect(sorted(Object.keys(PARTS))).toEqual(sorted(Object.keys(SCHEMAS)));
  });

  test("the page for auditors names each of them", () => {
    const page = readFileSync(fileURLToPath(new URL("../../../docs/accounting.md", import.meta.url)), "utf8");
    for (const [name, fields] of Object.entries(SENT)) {
      const kinds = [...new Set(Object.values(fields))].sort().join(", ");
      expect(page).toContain(`| ${name} | ${kinds} |`);
    }
  });

  test("only these files of the agent open a connection to others", () => {
    const opening = /from "(node:)?(https?|http2|tls|dgram|socket\.io-client|undici)"|\bfetch\(/;
    expect(filesWith(opening)).toEqual(Object.keys(OPENING));
  });
});

describe("[HND12] a site's failures say nothing of records", () => {
  test("a failure of ledgers, caps or studies is told; any other is one and the same text", () => {
    const over = new Failure({ code: "budget/exceeded", kind: "refused", what: "ε 3 of 2.", remedy: "Raise it." });
    expect(publicPartOf(over)).toMatchObject({ code: "budget/exceeded", what: "ε 3 of 2." });
    const texts = [
      new Error("patient 17 is not in the table"),
      new Failure({ code: "data/value", kind: "config", what: "age 251 in row 3", remedy: "mend row 3" }),
      new Failure({ code: "engine/memory", kind: "fault", what: "a batch of 93", remedy: "-" }),
      new Failure({ code: "budgetary/trick", kind: "fault", what: "17", remedy: "17" }),
      "17",
      undefined,
    ].map((error) => JSON.stringify(publicPartOf(error)));
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).not.toMatch(/17|251|93|row/);
  });

  test("the link takes no message, refusal or bytes that aren't accounted for", () => {
    const key = RoundKey.parse({ study: "heart", purpose: "train", round: 1, attempt: 1 });
    const raw = { code: "x", kind: "refused", what: "17 patients", remedy: "-" } as const;
    const content = { digest: LedgerHead.shape.root.parse("a".repeat(64)), bytes: 17 };
    const types = (link: Link): unknown[] => [
      // @ts-expect-error a message that nobody accounts for
      link.send({ type: "round-declined", key, refusal: raw }),
      // @ts-expect-error words that nobody vouches for
      declined(key, raw),
      // @ts-expect-error bytes that no mechanism made
      link.upload("path", content),
      // @ts-expect-error bytes that nobody held against a digest
      link.send(declined(key, publicRefusal("x", "no", "-")), new Uint8Array(17)),
      link.send(declined(key, publicRefusal("x", "no", "-"))),
      link.upload("path", asCharged(content)),
    ];
    expect(types).toBeInstanceOf(Function);
    expect(() => chargedBytesOf(new Uint8Array(17), asCharged(content))).toThrow(/what the engine wrote/);
  });

  test("only those who may vouch do", () => {
    expect(filesWith(/\bpublicRefusal\b/)).toEqual([
      "disclosure/outgoing.ts",
      "round/announcement.ts",
      "round/refusals.ts",
    ]);
    expect(filesWith(/\bledgerBytes\b/)).toEqual(["disclosure/outgoing.ts", "ledger/restore.ts"]);
    expect(filesWith(/\basCharged\b/)).toEqual(["disclosure/outgoing.ts", "round/contribute.ts"]);
    expect(filesWith(/\bas (Outgoing|ChargedContent|OutgoingBytes|PublicRefusal|Charged)\b/)).toEqual([
      "disclosure/outgoing.ts",
    ]);
  });
});
