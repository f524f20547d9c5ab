import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { StudyName } from "@consilium/shared/units/identity";
import { StudyDetail } from "../control/request.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { registeredDataset } from "./datasets.ts";
import { runnable } from "./output.ts";

export interface FreezeOptions {
  readonly off: boolean;
  readonly reason: string;
  readonly steward: StewardOptions;
}

/** A frozen study keeps its approval, and takes part in nothing from the next round on. */
export async function freezeStudy(context: CommandContext, name: string, options: FreezeOptions): Promise<void> {
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  const frozen = !options.off;
  const question = `${frozen ? "Freeze" : "Unfreeze"} study ${study.name}?`;
  const { signer } = await stewardOf(context, options.steward, question);
  const { reason } = options;
  await decideAs(context, signer, () => ({
    action: "freeze-study",
    study: study.name,
    studyDigest: study.digest,
    frozen,
    reason,
  }));
  context.output.result({ study: study.name, frozen }, [
    `Study ${study.name} is ${frozen ? "frozen: this site declines its rounds" : "no longer frozen"}.`,
  ]);
}

export interface OfferOptions {
  readonly epsilon: number;
  readonly dataset: string | undefined;
  readonly message: string;
  readonly steward: StewardOptions;
}

/** Refuses this version of a study and tells the lead which ε would be granted: only what policy and caps allow. */
export async function counterOffer(context: CommandContext, name: string, options: OfferOptions): Promise<void> {
  const study = await askSite(context, { ask: "study", study: StudyName.parse(name) }, StudyDetail);
  const { dataset } = await registeredDataset(context, options.dataset);
  const { epsilon: asked, delta } = study;
  const offer = CounterOffer.parse({ epsilon: options.epsilon });
  const question = `Refuse ${study.name} (ε = ${asked}) and offer ε = ${offer.epsilon} at δ = ${delta} on ${dataset}?`;
  const { signer } = await stewardOf(context, options.steward, question);
  await decideAs(context, signer, () => ({
    action: "counter-offer",
    study: study.name,
    studyDigest: study.digest,
    dataset,
    offer,
    reason: options.message,
  }));
  context.output.result({ study: study.name, digest: study.digest, dataset, offer, message: options.message }, [
    `Offered ε = ${offer.epsilon} at δ = ${delta} for ${study.name}, which asked ε = ${asked}.`,
    runnable("Next: the lead revises it (consilium study revise); then consilium-site study list"),
  ]);
}
