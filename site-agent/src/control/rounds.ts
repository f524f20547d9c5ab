import { assert } from "@consilium/shared/failure/failure";
import { isDpSgd } from "@consilium/shared/study/document";
import type { Logger } from "@consilium/shared/system/logger";
import { systemMonotonicClock } from "../round/clock.ts";
import { ModelSource } from "../round/modelSource.ts";
import type { MonotonicClock, RoundEngine, RoundLink } from "../round/ports.ts";
import { Rounds } from "../round/run.ts";
import type { WeightsFolder } from "../round/weightsFolder.ts";
import { preparedFile, sanitizedFile } from "../storage/folder.ts";
import type { Site } from "./site.ts";

/** What the agent brings beside its site. */
interface Around {
  readonly engine: RoundEngine;
  readonly weights: WeightsFolder;
  readonly link: RoundLink;
  readonly logger: Logger;
  /** For the bench of rounds alone: no record is read, sums are drawn from this seed. */
  readonly randomSums?: number | undefined;
  /** The process's own unless told: a simulation doesn't wait for a study's public times. */
  readonly clock?: MonotonicClock;
}

/** This site's rounds, on its own database, engine and link. */
export function openRounds({ config, book, folder }: Site, around: Around): Rounds {
  const { engine, weights, link, logger, randomSums, clock = systemMonotonicClock } = around;
  const models = new ModelSource({
    site: config.name,
    engine,
    link,
    folder: folder.models,
    logger,
    weights: (named) => weights.pathOf(named),
    patients: ({ document, digest, dataset, sanitized }) => {
      if (randomSums !== undefined) return { source: "random-sums", seed: randomSums };
      assert(dataset !== null, "a study that acts has its data set");
      const path = preparedFile(folder, digest, dataset);
      if (isDpSgd(document)) return { source: "prepared", path };
      assert(sanitized !== undefined, "a study on sanitized records was approved with some");
      return { source: "sanitized", path, sanitized: sanitizedFile(folder, digest, dataset, sanitized) };
    },
  });
  return new Rounds({
    site: config.name,
    coordinatorKey: config.coordinator.key,
    book,
    engine,
    models,
    link,
    clock,
    logger,
    outbox: folder.outbox,
  });
}
