import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { listReleases } from "../storage/results.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";
import { ReleaseList } from "./views.ts";

export function releaseEndpoints({ world }: Service): Endpoint[] {
  return [
    endpoint({
      method: "get",
      path: "/api/releases",
      summary: "All releases, newest first",
      reply: ReleaseList,
      handle: () => ({
        releases: listReleases(world.sql).map(({ at, ...release }) => ({
          ...release,
          signers: [...release.signers],
          releasedAt: at,
        })),
      }),
    }),
    endpoint({
      method: "get",
      path: "/api/releases/:study/files/{*file}",
      summary: "One file of a release, by its path in it",
      handle: async ({ params, response }) => {
        const release = listReleases(world.sql).find(({ study }) => study === params.study);
        const file = Object.values(RELEASE_PATHS).find((path) => path === params.file);
        if (release === undefined || file === undefined) throw noSuchFile();
        await new Promise<void>((resolve, reject) => {
          const options = { root: release.path, dotfiles: "deny" as const };
          response.sendFile(file, options, (error: unknown) => (error === undefined ? resolve() : reject(error)));
        });
      },
    }),
  ];
}

function noSuchFile(): Failure {
  return new Failure({
    code: "release/none",
    kind: "usage",
    what: "There is no such release, or no such file in it.",
    remedy: "See all releases: consilium release list.",
  });
}
