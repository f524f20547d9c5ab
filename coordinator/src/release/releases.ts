import { toRefusal } from "@consilium/shared/failure/failure";
import type { SiteMessage } from "@consilium/shared/protocol/messages";
import type { GateOverride } from "@consilium/shared/release/override";
import type { Revocation } from "@consilium/shared/release/revocation";
import type { SignatoryAnswer } from "@consilium/shared/release/signatories";
import type { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import type { Motive } from "../study/moves.ts";
import type { Studies } from "../study/studies.ts";
import type { StudyWorld } from "../study/world.ts";
import { takeAnswer } from "./answers.ts";
import { takeOverride } from "./overriding.ts";
import { revokeRelease } from "./revoking.ts";
import { answerOf, releaseFileFor, tellRelease, tellReleases } from "./telling.ts";

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

  async revoke(name: StudyName, motive: Motive): Promise<Revocation> {
    const revocation = await this.#inTurn(() => revokeRelease(this.#world, name, motive));
    this.#tell(tellRelease(this.#world, name));
    return revocation;
  }

  /** A site's own word, over its link; a `Failure` thrown is its refusal. */
  async onAnswered(site: SiteName, message: Extract<SiteMessage, { type: "release-answered" }>): Promise<void> {
    await this.answer(message.study, answerOf(site, message));
  }

  /** A site that comes back hears what it may have missed. */
  onConnected(site: SiteName): void {
    this.#tell(tellReleases(this.#world, site));
  }

  /** A file of a release that this site may fetch. */
  fileFor(site: SiteName, digest: Digest): Promise<string | undefined> {
    return releaseFileFor(this.#world, site, digest);
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #tell(told: Promise<void>): void {
    told.catch((error: unknown) => this.#world.logger.error("releases-not-told", { code: toRefusal(error).code }));
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
