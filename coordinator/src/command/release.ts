import { Failure } from "@consilium/shared/failure/failure";
import { missingText } from "@consilium/shared/release/signatories";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import type { Command } from "commander";
import { ReleaseList, type ReleaseView } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print, table } from "./output.ts";
import { registerReleaseHandIn } from "./releaseHandIn.ts";
import { registerReleasePack } from "./releasePack.ts";
import { registerReleaseSign } from "./releaseSign.ts";

export function registerRelease(program: Command): void {
  const release = program.command("release").description("models that left the consortium");
  withClientOptions(release.command("list").description("all releases, newest first")).action(
    async (options: ClientOptions) => {
      const list = await (await Client.of(options)).get("/api/releases", ReleaseList);
      print(
        options.json,
        list,
        table(["study", "written", "state", "ε", "best attack's AUC", "gate", "signed by"], list.releases.map(rowOf)),
      );
    },
  );
  withClientOptions(release.command("show").description("one release").argument("<study>")).action(
    async (study: string, options: ClientOptions) => {
      const { releases } = await (await Client.of(options)).get("/api/releases", ReleaseList);
      const found = releases.find((entry) => entry.study === study);
      if (found === undefined) throw none(study);
      const { manifest, path, releasedAt, signers } = found;
      print(
        options.json,
        found,
        [
          `${study}, ${standing(found)}, written ${releasedAt}`,
          `manifest ${manifest}`,
          `signed by ${signers.join(", ")}`,
          ...found.answers.flatMap(({ party, reason }) => (reason === null ? [] : [`refused by ${party}: ${reason}`])),
          ...(found.override === null
            ? []
            : [`the gate refused it; auditor ${found.override.auditor} overrode it: ${found.override.reason}`]),
          path,
        ].join("\n"),
      );
      if (options.json !== true) hint(`next: consilium verify ${path} --key ${options.data}/consortium.pub`);
    },
  );
  registerReleasePack(release);
  registerReleaseSign(release);
  registerReleaseHandIn(release);
}

function rowOf(release: ReleaseView): string[] {
  const { study, releasedAt, epsilon, attackAuc, override, signers } = release;
  return [
    study,
    releasedAt.slice(0, 10),
    standing(release),
    epsilon === null ? "–" : epsilonText(epsilon),
    attackAuc === null ? "not resolvable" : `${attackAuc.low.toFixed(3)} to ${attackAuc.high.toFixed(3)}`,
    override === null ? "passed" : `overridden by ${override.auditor}`,
    signers.join(", "),
  ];
}

function standing({ state, missing, revoked }: ReleaseView): string {
  if (revoked !== null) return `revoked: ${revoked.reason}`;
  return state === "signing" ? missingText(missing) : state;
}

function none(study: string): Failure {
  return new Failure({
    code: "release/none",
    kind: "usage",
    what: `Study ${study} has no release.`,
    remedy: `See where it stands: consilium study show ${study}.`,
  });
}
