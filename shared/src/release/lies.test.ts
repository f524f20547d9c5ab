import { describe, expect, test } from "vitest";
import {
  approvals,
  bodies,
  caps,
  chain,
  charged,
  document,
  failed,
  inputs,
  lead,
  ownHeads,
  parameters,
  roster,
  SITES,
  seed,
} from "../../../test/support/releaseFixture.ts";
import { digestOf } from "../encoding/digest.ts";
import { GENESIS_HASH, type LedgerBody } from "../ledger/entry.ts";
import { EMPTY_ROOT } from "../ledger/merkle.ts";
import { replay } from "../ledger/replay.ts";
import { modelDigest } from "../model/modelDigest.ts";
import { studyWeights } from "../model/studyWeights.ts";
import { LEDGER_HEAD_DOMAIN } from "../protocol/messages.ts";
import { signStatement } from "../signing/ed25519.ts";
import { StudyDocument } from "../study/document.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { COORDINATOR, Signature } from "../units/identity.ts";
import { SamplingRate } from "../units/privacy.ts";
import { buildRelease, type ReleaseInputs } from "./build.ts";
import { jsonBytes, RELEASE_PATHS, readJson, SignedManifest, signManifest } from "./manifest.ts";
import { privacyStatementOf } from "./statement.ts";

const release = buildRelease(inputs, lead);

describe("[REL4] a lie that the coordinator itself signed is refused", () => {
  const forge = (changes: Partial<ReleaseInputs>, path?: string, content?: (bytes: Uint8Array) => Uint8Array) => {
    const files = new Map(buildRelease({ ...inputs, ...changes }, lead));
    if (path === undefined || content === undefined) return files;
    return resign(files.set(path, content(files.get(path) ?? new Uint8Array())));
  };

  /** Signs the folder anew, as it now is. */
  function resign(
    files: Map<string, Uint8Array>,
    change: (manifest: SignedManifest["manifest"]) => object = () => ({}),
  ) {
    const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
    if (signed === null) throw new Error("no manifest");
    const { manifest } = signed;
    const listed = manifest.files.map(({ path }) => {
      const bytes = files.get(path) ?? new Uint8Array();
      return { path, bytes: bytes.length, sha256: digestOf(bytes) };
    });
    const next = { ...manifest, files: listed, ...change(manifest) };
    return files.set(RELEASE_PATHS.manifest, jsonBytes(signManifest(next, lead)));
  }

  const edit = (from: RegExp, to: string) => (bytes: Uint8Array) => {
    const text = new TextDecoder().decode(bytes);
    expect(text).toMatch(from);
    return new TextEncoder().encode(text.replace(from, to));
  };

  test("a smaller ε in the privacy statement", () => {
    const files = forge(
      {},
      RELEASE_PATHS.privacy,
      edit(/"basis":"signed-schedule","epsilon":[\d.]+/, '"basis":"signed-schedule","epsilon":0.5'),
    );
    expect(failed(files)).toEqual(["privacy", "gate", "texts"]);
    const spent = forge({}, RELEASE_PATHS.privacy, edit(/"disjointEpsilon":[\d.]+/, '"disjointEpsilon":0.5'));
    expect(failed(spent)).toEqual(["privacy", "texts"]);
  });

  test("a smaller AUC in the audit report, or histograms that don't give it", () => {
    const shown = forge({}, RELEASE_PATHS.audit, edit(/"value":0\.5\d*/, '"value":0.4'));
    expect(failed(shown)).toContain("audit");
    const histograms = forge({}, RELEASE_PATHS.audit, edit(/"counts":\[40,/, '"counts":[90,'));
    expect(failed(histograms)).toContain("audit");
  });

  test("[CAN4] canaries that the study never had", () => {
    const site = SITES[0]?.site ?? "";
    const one = `"correct":3,"count":10,"guesses":10,"site":"${site}"`;
    const all = `"correct":3,"count":10,"delta":0.00001,"epsilon":0,"epsilonMax":1.05,"guesses":10,"sites":[{${one}}]`;
    const told = forge({}, RELEASE_PATHS.audit, edit(/,"confidence":/, `,"canaries":{${all}},"confidence":`));
    expect(failed(told)).toContain("audit");
  });

  test("an early stop that the study doesn't know", () => {
    const stop = { metric: "auc", best: { round: 1, value: 0.9 }, since: [{ round: 3, value: 0.8 }] } as const;
    expect(failed(forge({ stop: { ...stop, since: [...stop.since] } }))).toEqual(["stop"]);
  });

  test("[REL7] frozen parameters other than those that the study names", () => {
    const spec = modelSpecOfStudy(document);
    const [columns = 0] = spec.input;
    const frozen = Float32Array.from({ length: 2 * columns }, (_, i) => i);
    const source = { file: "norm.safetensors", digest: digestOf("norm") };
    const { named } = studyWeights({ parameters, frozen }, { source, fresh: [] });
    const layers = [{ kind: "scale", name: "norm", frozen: true }, ...spec.layers];
    const model = { preset: "keras", input: [columns], layers, weights: named };
    const started = StudyDocument.parse({ ...document, model });
    // Its approvals are of another study: what matters is whether the model itself holds.
    expect(failed(forge({ document: started, frozen }))).not.toContain("model");
    const text = new TextDecoder().decode(forge({ document: started, frozen }).get(RELEASE_PATHS.privacyText));
    expect(text).toContain(
      `norm.safetensors (SHA-256 ${digestOf("norm")}), which the study's proposer declared public`,
    );
    const other = frozen.with(1, 0.5);
    expect(failed(forge({ document: started, frozen: other }))).toContain("model");
  });

  test("a soothing text", () => {
    const files = forge({}, RELEASE_PATHS.card, edit(/Limits/, "No limits"));
    expect(failed(files)).toEqual(["texts"]);
    const page = forge({}, RELEASE_PATHS.auditPage, edit(/coin toss/, "sure thing"));
    expect(failed(page)).toEqual(["texts"]);
  });

  test("a charge left out of the ledger, or an entry altered", () => {
    const cut = forge({}, RELEASE_PATHS.ledger, (bytes) => {
      const text = new TextDecoder().decode(bytes);
      return new TextEncoder().encode(text.slice(text.indexOf("\n") + 1));
    });
    expect(failed(cut)).toContain("ledger");
    const altered = forge({}, RELEASE_PATHS.ledger, edit(/"samplingRate":0\.2/, '"samplingRate":0.1'));
    expect(failed(altered)).toEqual(["ledger", "contents"]);
  });

  test("a rewritten ledger that sites have countersigned otherwise", () => {
    const round = charged("train", 1).length;
    const shorter = chain([...caps, ...bodies.slice(caps.length + round)], lead);
    expect(failed(forge({ ledger: shorter }))).toEqual(["heads", "steps"]);
    expect(failed(forge({ ledger: chain(bodies, seed(3)) }))).toContain("ledger");
  });

  test("sites charged without a word of theirs", () => {
    const [first] = ownHeads;
    if (first === undefined) throw new Error("no heads");
    expect(failed(forge({ witnessedHeads: ownHeads }))).toEqual([]);
    expect(failed(forge({ witnessedHeads: [] }))).toEqual(["heads"]);
    expect(failed(forge({ witnessedHeads: [first] }))).toEqual(["heads"]);
    // Of no ledger at all: before the first entry, and past the last.
    for (const sequence of [0, 999_999]) {
      const nothing = { writer: COORDINATOR, sequence, hash: GENESIS_HASH, root: EMPTY_ROOT } as const;
      const empty = SITES.map(({ site, identity }) => {
        const signature = Signature.parse(signStatement(identity, LEDGER_HEAD_DOMAIN, nothing));
        return { party: site, head: nothing, signature };
      });
      expect(failed(forge({ witnessedHeads: empty }))).toEqual(["heads"]);
    }
    const forged = ownHeads.map((head) => ({ ...head, signature: first.signature }));
    expect(failed(forge({ witnessedHeads: forged }))).toEqual(["heads"]);
  });

  test("a step, an audit or an evaluation that was never charged, though no site's head contradicts it", () => {
    const without = (charges: readonly LedgerBody[]) => {
      const left = new Set(charges.flatMap((body) => ("charge" in body ? [body.charge] : [])));
      const kept = bodies.filter((body) => !("charge" in body) || !left.has(body.charge));
      return forge({ ledger: chain(kept, lead), witnessedHeads: ownHeads });
    };
    expect(failed(without(charged("train", 2)))).toEqual(["steps"]);
    expect(failed(without(charged("audit", 3).slice(0, 3)))).toEqual(["steps"]);
    const evaluation = { accuracy: { state: "not-resolvable", why: "few" } } as const;
    expect(failed(forge({ evaluation }))).toEqual([]);
    const kept = bodies.filter((body) => !("charge" in body) || !body.charge.includes("evaluate"));
    expect(failed(forge({ evaluation, ledger: chain(kept, lead), witnessedHeads: ownHeads }))).toEqual(["steps"]);
  });

  test("a sampler's distance that is left out of its charges", () => {
    const exact = bodies.map((body): LedgerBody => {
      if (body.kind !== "reserved" || body.event.kind !== "poisson-gaussian") return body;
      const { samplerDistance: _, ...event } = body.event;
      return { ...body, event };
    });
    expect(failed(forge({ ledger: chain(exact, lead), witnessedHeads: ownHeads }))).toEqual(["charges"]);
  });

  test("noise that its charges say is finer than it was", () => {
    const finer = bodies.map((body): LedgerBody => {
      if (body.kind !== "reserved" || body.event.kind !== "poisson-gaussian") return body;
      return { ...body, event: { ...body.event, gridStdDev: 2 * (body.event.gridStdDev ?? 1) } };
    });
    expect(failed(forge({ ledger: chain(finer, lead), witnessedHeads: ownHeads }))).toEqual(["charges"]);
  });

  test("charges that the study doesn't plan", () => {
    const wider = bodies.map((body): LedgerBody => {
      if (body.kind !== "reserved" || body.event.kind !== "poisson-gaussian" || body.round !== 2) return body;
      return { ...body, event: { ...body.event, samplingRate: SamplingRate.parse(0.21) } };
    });
    expect(failed(forge({ ledger: chain(wider, lead), witnessedHeads: ownHeads }))).toEqual(["charges"]);
  });

  test("an approval of another study, by another steward, or missing", () => {
    const [first, second] = approvals;
    if (first === undefined || second === undefined) throw new Error("no approvals");
    const other = { ...first, statement: { ...first.statement, studyDigest: modelDigest(parameters) } };
    expect(failed(forge({ approvals: [other, second] }))).toContain("approvals");
    const stranger = { ...first, stewardKey: lead.publicKey };
    expect(failed(forge({ approvals: [stranger, second] }))).toEqual(["approvals"]);
    expect(failed(resign(new Map(release), () => ({ approvals: [second] })))).toContain("approvals");
  });

  test.each([RELEASE_PATHS.onnx, RELEASE_PATHS.tfjs, RELEASE_PATHS.tfjsWeights])(
    "[REL9] %s with one altered bit, anywhere",
    (path) => {
      const { length } = release.get(path) ?? new Uint8Array();
      for (let position = 0; position < length; position += Math.ceil(length / 20)) {
        const flip = (bytes: Uint8Array) => bytes.with(position, (bytes[position] ?? 0) ^ 1);
        expect(failed(forge({}, path, flip))).toEqual(["formats"]);
      }
    },
  );

  test("[REL11] another version's bill of materials, or one that is no bill", () => {
    const path = RELEASE_PATHS.sbom;
    expect(failed(forge({}, path, edit(/"version":"0\.1\.0"/, '"version":"0.1.1"')))).toEqual(["software"]);
    expect(failed(forge({}, path, edit(/"dependencies":\[.*\]/, '"dependencies":[]')))).toEqual(["software"]);
    expect(failed(forge({}, path, () => new Uint8Array()))).toEqual(["software"]);
  });

  test("another model, a roster that isn't signed, a gate that didn't pass", () => {
    const flip = (bytes: Uint8Array) => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);
    expect(failed(forge({}, RELEASE_PATHS.model, flip))).toEqual(["model", "formats"]);
    const unsigned = { ...roster, signature: lead.sign("another roster") };
    expect(failed(forge({ roster: unsigned }))).toEqual(["roster"]);
    const refused = resign(new Map(release), ({ gate }) => ({ gate: { ...gate, passed: false } }));
    expect(failed(refused)).toContain("gate");
  });
});

describe("[REL5] nothing is released before its time", () => {
  test("a refused gate stops the release", () => {
    const strict = StudyDocument.parse({
      ...document,
      audit: { ...document.audit, gates: { maxAttackAucUpper: 0.5 } },
    });
    expect(() => buildRelease({ ...inputs, document: strict }, lead)).toThrow(/gate refused.*max-attack-auc-upper/);
  });

  test("an open reservation, an audit of another model, or an empty ledger stop it", () => {
    const open = chain(
      bodies.filter(({ kind }) => kind === "reserved" || kind === "cap-set").concat(charged("train", 4)),
      lead,
    );
    expect(() => buildRelease({ ...inputs, ledger: open }, lead)).toThrow(/reservations/);
    expect(() => buildRelease({ ...inputs, round: 2 }, lead)).toThrow(/another model/);
    expect(() => buildRelease({ ...inputs, ledger: [] }, lead)).toThrow(/nothing was done/);
    // Of a site that paid: no figure would count its patients.
    const fewer = { ...inputs, approvals: approvals.slice(1) };
    expect(() => buildRelease(fewer, lead)).toThrow(expect.objectContaining({ code: "release/approval-missing" }));
  });

  test("a cancelled charge is not spent; one that acted and was abandoned is", () => {
    const reserved = charged("train", 4);
    const cancelled = reserved.flatMap((body): LedgerBody[] =>
      body.kind === "reserved" ? [body, { kind: "cancelled", charge: body.charge, reason: "too few sites" }] : [],
    );
    const epsilonAfter = (more: readonly LedgerBody[]) =>
      privacyStatementOf(document, replay(COORDINATOR, chain([...bodies, ...more], lead)), approvals).consortium
        .disjointEpsilon;
    expect(epsilonAfter(cancelled)).toBe(epsilonAfter([]));
    expect(epsilonAfter(reserved.filter(({ kind }) => kind !== "committed"))).toBeGreaterThan(epsilonAfter([]));
  });
});
