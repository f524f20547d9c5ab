import type { BlobReference, RoundKey } from "@consilium/shared/protocol/messages";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import type { RoundRun } from "../round/run.ts";
import type { SiteLink } from "./world.ts";

/** Uploads that one round waits for. */
export class AwaitedUploads {
  readonly #link: SiteLink;
  readonly #awaited = new Map<string, { readonly site: SiteName; readonly digest: Digest }>();

  constructor(link: SiteLink) {
    this.#link = link;
  }

  /** Hands the file to its round when it is whole. A site may offer again what it has begun to send. */
  expect(run: RoundRun, site: SiteName, key: RoundKey, { digest, bytes }: BlobReference): void {
    const name = `${site}/${digest}`;
    if (this.#awaited.has(name)) return;
    this.#awaited.set(name, { site, digest });
    this.#link.expectUpload(site, digest, bytes).then(
      (path) => {
        this.#awaited.delete(name);
        run.receive(site, key, digest, { path });
      },
      () => {
        this.#awaited.delete(name);
        run.failed(site, key);
      },
    );
  }

  /** The round is over: what is still on its way is late, and a site owes only so many uploads. */
  forget(): void {
    const awaited = [...this.#awaited.values()];
    this.#awaited.clear();
    for (const { site, digest } of awaited) void this.#link.forgetUpload(site, digest);
  }
}
