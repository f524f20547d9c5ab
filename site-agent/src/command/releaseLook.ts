/** A release held against this site's own approval and ledger, for whoever is to sign it: a command or the page. */
import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import type { SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { readConfig } from "../config.ts";
import { ReleaseSummary, StudyDetail } from "../control/request.ts";
import { lookAt, ownLook, problemsOf, type ReleaseLook, type SiteEpsilon } from "../release/look.ts";
import { askSite, type CommandContext } from "./context.ts";
import { wholeLedger } from "./ledger.ts";
import { epsilonCell } from "./output.ts";
import { readRelease } from "./releaseFiles.ts";

export interface HeldRelease extends ReleaseLook {
  readonly site: SiteName;
  /** Null where what the release says of itself doesn't hold: then it is held against nothing more. */
  readonly epsilon: SiteEpsilon | null;
  /** Of all checks, the site's own included; empty where everything holds. */
  readonly problems: readonly string[];
}

/** Verifies a release in hand with the key that this site pinned, and holds it against what this site alone knows. */
export async function holdRelease(context: CommandContext, path: string): Promise<HeldRelease> {
  const { name: site, coordinator } = await readConfig(context.folder.config, context.environment);
  const files = await readRelease(path);
  const known = await askSite(context, { ask: "releases" }, z.array(ReleaseSummary));
  const look = lookAt(
    files,
    coordinator.key,
    known.flatMap(({ revocation }) => revocation ?? []),
  );
  if (look === null) throw noManifest(path);
  const problems = problemsOf(look.checks);
  if (problems.length > 0) return { ...look, site, epsilon: null, problems };
  const study = await askSite(context, { ask: "study", study: look.manifest.study }, StudyDetail);
  const own = { site, studyDigest: study.digest, entries: await wholeLedger(context) };
  const { checks, epsilon } = ownLook(look, files, own);
  return { ...look, site, epsilon, checks: [...look.checks, ...checks], problems: problemsOf(checks) };
}

/** What would be signed: the audit's verdict, the gate rule by rule, an override, and ε on both sides. */
export function toldOf({ manifest, override, epsilon }: HeldRelease): readonly string[] {
  const { study, audit, gate } = manifest;
  return [
    `Release of ${study}: ${audit.verdict.words}`,
    `Gate: ${gate.passed ? "passed" : "refused"}`,
    ...gate.rules.map(
      ({ rule, required, found, passed }) => `  ${passed ? "passed " : "REFUSED"} ${rule}: ${required}; found ${found}`,
    ),
    ...(override === null ? [] : [override]),
    ...(epsilon === null
      ? []
      : [
          `ε of this site's patients that pay most, at δ = ${epsilon.delta}: the release promises ` +
            `${epsilonCell(epsilon.promised)}, this site's own ledger counts ${epsilonCell(epsilon.own)}`,
        ]),
  ];
}

/** What doesn't hold can be refused under the site's name, never signed. */
export function requireHolds({ problems, manifest }: HeldRelease): void {
  if (problems.length === 0) return;
  throw new Failure({
    code: "release/not-verified",
    kind: "refused",
    what: `The release of ${manifest.study} doesn't hold at this site (${problems.join("; ")}): nothing was signed.`.slice(
      0,
      1000,
    ),
    remedy: "Show it to the lead. To say so under this site's name: --refuse REASON.",
  });
}

function noManifest(path: string): Failure {
  return new Failure({
    code: "release/no-manifest",
    kind: "usage",
    what: `${path} holds no readable ${RELEASE_PATHS.manifest}.`,
    remedy: "Name the release's own folder or archive, as the lead sent it.",
  });
}
