import { Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import { ReleaseList, type ReleaseView } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print, table } from "./output.ts";
import { registerReleasePack } from "./releasePack.ts";

export function registerRelease(program: Command): void {
  const release = program.command("release").description("models that left the consortium");
  withClientOptions(release.command("list").description("all releases, newest first")).action(
    async (options: ClientOptions) => {
      const list = await (await Client.of(options)).get("/api/releases", ReleaseList);
      print(options.json, list, table(["study", "released", "path"], list.releases.map(rowOf)));
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
        `${study}, released ${releasedAt}\nmanifest ${manifest}\nsigned by ${signers.join(", ")}\n${path}`,
      );
      if (options.json !== true) hint(`next: consilium verify ${path} --key ${options.data}/consortium.pub`);
    },
  );
  registerReleasePack(release);
}

function rowOf({ study, releasedAt, path }: ReleaseView): string[] {
  return [study, releasedAt, path];
}

function none(study: string): Failure {
  return new Failure({
    code: "release/none",
    kind: "usage",
    what: `Study ${study} has no release.`,
    remedy: `See where it stands: consilium study show ${study}.`,
  });
}
