import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { LedgerStore } from "@consilium/storage/ledgerStore";
import type { Consortium, PublicAddresses } from "../consortium/consortium.ts";
import type { Restores } from "../ledger/restores.ts";
import type { Releases } from "../release/releases.ts";
import type { Studies } from "../study/studies.ts";
import type { StudyWorld } from "../study/world.ts";
import type { Changes } from "./changes.ts";
import type { PlanThread } from "./planThread.ts";
import type { StudyCosts } from "./studyCosts.ts";
import type { WeightsRoom } from "./weights.ts";

/** The running coordinator, as people's requests reach it. */
export interface Service {
  readonly name: string;
  /** The coordinator's own folder, as an absolute path. */
  readonly dataFolder: string;
  readonly world: StudyWorld;
  /** Room for all weights files. */
  readonly weightsRoom: WeightsRoom;
  readonly store: LedgerStore;
  /** Where studies are planned. */
  readonly plans: PlanThread;
  /** What studies that wait would cost. */
  readonly costs: StudyCosts;
  readonly studies: Studies;
  readonly releases: Releases;
  readonly consortium: Consortium;
  readonly restores: Restores;
  readonly changes: Changes;
  readonly random: RandomSource;
  readonly addresses: () => PublicAddresses;
  /** Where people's browsers reach this coordinator. */
  readonly peopleUrl: () => string;
  /** Cookies carry `Secure` where the page comes over HTTPS. */
  readonly isSecure: boolean;
}
