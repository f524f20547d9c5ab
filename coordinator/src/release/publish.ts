import type { Digest, StudyName } from "@consilium/shared/units/identity";
import { findStudy } from "../storage/studies.ts";
import { type Motive, move } from "../study/moves.ts";
import type { StudyEvent } from "../study/study.ts";
import type { StudyWorld } from "../study/world.ts";

/** In a transaction: a release leaves the consortium. Its sites are told once that is durable. */
export function publish(
  world: StudyWorld,
  study: StudyName,
  manifest: Digest,
  { event, motive }: { readonly event: StudyEvent; readonly motive: Motive },
): void {
  world.ledger.append([{ kind: "released", study, manifest }]);
  move(world, study, event, motive);
  queueMicrotask(() => {
    for (const { name } of findStudy(world.sql, study)?.document.sites ?? []) {
      if (!world.link.isConnected(name)) continue;
      world.link.send(name, { type: "release-published", study, manifest }).catch(() => {
        world.logger.warn("release-not-told", { study, site: name });
      });
    }
  });
}
