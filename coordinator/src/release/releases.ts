import type { GateOverride } from "@consilium/shared/release/override";
import type { Revocation } from "@consilium/shared/release/revocation";
import type { SignatoryAnswer } from "@consilium/shared/release/signatories";
import type { StudyName } from "@consilium/shared/units/identity";
import type { Motive } from "../study/moves.ts";
import type { Studies } from "../study/studies.ts";
import type { StudyWorld } from "../study/world.ts";
import { takeAnswer } from "./answers.ts";
import { takeOverride } from "./overriding.ts";
import { revokeRelease } from "./revoking.ts";

/** What people do to a release once its study was audited; one thing after another, for some change the same files. */
export class Releases {
  readonly #world: StudyWorld;
  readonly #studies: Studies;
  #last: Promise<unknown> = Promise.resolve();

  constructor(world: StudyWorld, studies: Studies) {
    this.#world = world;
    this.#studies = studies;
  }

  /** An auditor has the model released that the gate refused: the study goes on to its release. */
  override(name: StudyName, override: GateOverride): Promise<void> {
    return this.#inTurn(async () => {
      takeOverride(this.#world, this.#studies.record(name), override);
      await this.#studies.goOn(name);
    });
  }

  /** A site's or an auditor's answer to a release. */
  answer(name: StudyName, answer: SignatoryAnswer): Promise<void> {
    return this.#inTurn(() => {
      const { document, standing } = this.#studies.record(name);
      return takeAnswer(this.#world, { document, state: standing.state }, answer);
    });
  }

  revoke(name: StudyName, motive: Motive): Promise<Revocation> {
    return this.#inTurn(() => revokeRelease(this.#world, name, motive));
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
