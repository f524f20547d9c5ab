/** One reading of a folder's pictures: kept ones are taken, others decoded, and whoever waits is told how far it is. */
import type { RawArray } from "@consilium/shared/study/features";
import { Progress, type Reading } from "./reading.ts";

/** What every picture becomes, with what else decides its numbers. */
interface Recipe {
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly [rule: string]: unknown;
}

export interface FileReading {
  /** The pictures of the file with these bytes. */
  picturesOf(bytes: Uint8Array, decode: () => Promise<readonly RawArray[]>): Promise<readonly RawArray[]>;
  /** Of a file that has none, too. */
  step(): void;
  /** After the last file, if all could be read. */
  end(): Promise<void>;
}

export async function fileReading({ cache, say }: Reading, files: number, recipe: Recipe): Promise<FileReading> {
  const { size, channels } = recipe;
  const progress = new Progress(files, say);
  const cached = cache === null ? null : await cache.reading([...size, channels], recipe);
  return {
    picturesOf: (bytes, decode) => cached?.picturesOf(bytes, decode) ?? decode(),
    step: () => progress.step(),
    end: async () => {
      await cached?.prune();
      progress.end(cached === null ? ", all decoded" : `, ${cached.taken} of them decoded before`);
      if (cached !== null && cached.unkept !== null)
        say(
          `Decoded pictures can't be kept in the site's data folder (${cached.unkept}): the next reading decodes anew.`,
        );
    },
  };
}
