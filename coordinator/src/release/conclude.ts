import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AuditReport } from "@consilium/shared/audit/report";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { assert } from "@consilium/shared/failure/failure";
import type { Weights } from "@consilium/shared/model/weights";
import { buildRelease, type ReleaseInputs } from "@consilium/shared/release/build";
import { type PartySignedHead, RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import type { GateOverride } from "@consilium/shared/release/override";
import { isComplete, missingOf, missingText } from "@consilium/shared/release/signatories";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Digest } from "@consilium/shared/units/identity";
import { pickedGenerators } from "../generator/madeFiles.ts";
import { siteRecord } from "../storage/consortium.ts";
import { choiceOf } from "../storage/generators.ts";
import { overrideOf, saveRelease } from "../storage/releases.ts";
import { auditOf, metricsOf, normalisationKept } from "../storage/results.ts";
import { move } from "../study/moves.ts";
import { approvalsCharged, stopOf } from "../study/opening.ts";
import { gateOf } from "../study/outcome.ts";
import type { StudyWorld } from "../study/world.ts";
import { concludeAgain } from "./again.ts";
import { publish } from "./publish.ts";
import { writeReleaseFolder } from "./releaseFolder.ts";
import { tellRelease } from "./telling.ts";

/**
 * What follows an audit: the release is written, booked and told, or the study is rejected and its model withheld.
 * After a crash anywhere in between it is done again from the start, with the same outcome.
 */
export async function concludeStudy(world: StudyWorld, document: StudyDocument, weights: Weights): Promise<void> {
  if (document.again !== undefined) return concludeAgain(world, document);
  const audit = auditOf(world.sql, document.name);
  assert(audit !== undefined, "a study is concluded after its audit");
  const { gate } = gateOf(world, document, audit.report, approvalsCharged(world, document.name));
  const override = overrideOf(world.sql, document.name);
  if (!gate.passed && override === undefined) {
    const broken = gate.rules
      .filter(({ passed }) => !passed)
      .map(({ rule, found, required }) => `${rule}: ${found}, required ${required}`);
    const reason = `The gate refused the model: ${broken.join("; ")}`.slice(0, 500);
    move(world, document.name, { type: "gate-refused" }, { by: "coordinator", reason });
    return;
  }
  const { manifest, path } = await writeRelease(world, document, weights, { audit: audit.report, override });
  const missing = missingOf(document, []);
  world.sql.transaction(() => {
    saveRelease(world.sql, { study: document.name, manifest, path, at: world.clock.now().toISOString() });
    if (isComplete(missing)) {
      publish(world, document.name, manifest, {
        event: { type: "gate-passed" },
        motive: { by: "coordinator", reason: whyReleased(override) },
      });
    } else {
      const motive = { by: "coordinator", reason: missingText(missing) };
      move(world, document.name, { type: "signatures-wanted" }, motive);
    }
  });
  world.changed("releases", document.name);
  if (!isComplete(missing)) {
    tellRelease(world, document.name).catch(() => world.logger.error("releases-not-told", { study: document.name }));
  }
}

function whyReleased(override: GateOverride | undefined): string {
  if (override === undefined) return "the audit passed the study's gate";
  return `auditor ${override.statement.auditor} overrode the gate: ${override.statement.reason}`;
}

async function writeRelease(
  world: StudyWorld,
  document: StudyDocument,
  { parameters, frozen }: Weights,
  { audit, override }: { readonly audit: AuditReport; readonly override: GateOverride | undefined },
): Promise<{ manifest: Digest; path: string }> {
  const files = buildRelease(
    {
      document,
      parameters,
      frozen,
      round: audit.round,
      approvals: approvalsCharged(world, document.name),
      roster: world.roster(),
      ledger: world.ledger.entries(),
      witnessedHeads: witnessedHeads(world, document),
      audit,
      evaluation: metricsOf(world.sql, document.name).at(-1)?.metric,
      normalisation: normalisationKept(world.sql, document.name),
      stop: stopOf(world.sql, document) ?? undefined,
      override,
      synthetic: syntheticOf(world, document),
      createdAt: world.clock.now().toISOString(),
      softwareVersion: world.softwareVersion,
      sbom: world.sbom,
    },
    world.signer,
  );
  const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
  assert(signed !== null, "a release that was built has a manifest");
  await mkdir(world.releasesFolder, { recursive: true });
  const path = join(world.releasesFolder, document.name);
  await writeReleaseFolder(path, files);
  return { manifest: digestOfJson(signed.manifest), path };
}

/** What a study with a generator releases beside its discriminator; undefined for any other. */
function syntheticOf(world: StudyWorld, document: StudyDocument): ReleaseInputs["synthetic"] {
  const choice = choiceOf(world.sql, document.name);
  return choice === undefined ? undefined : { choice, generators: pickedGenerators(world, document) };
}

/** Each site's own newest head, and its countersignature of ours. */
function witnessedHeads(world: StudyWorld, document: StudyDocument): readonly PartySignedHead[] {
  return document.sites.flatMap(({ name }) => {
    const { head, countersigned } = siteRecord(world.sql, name);
    return [head, world.countersigned.get(name) ?? countersigned].flatMap((shown) =>
      shown === null ? [] : [{ party: name, ...shown }],
    );
  });
}
