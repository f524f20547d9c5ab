import type { ModelChoice } from "../model/choice.ts";
import type { Audit } from "../study/audit.ts";
import type { DataContract } from "../study/contract.ts";
import { GENERATORS_KEPT_MAX, type GeneratorRule, keptRounds } from "./rule.ts";

/** What of a study its generator hangs on. */
interface Generating {
  readonly generator?: GeneratorRule | undefined;
  readonly model: Pick<ModelChoice, "preset">;
  readonly privacy: { readonly mechanism: string; readonly clipping: { readonly mode: string } };
  readonly training: { readonly rounds: number; readonly localSteps: number; readonly earlyStop?: unknown };
  readonly data: DataContract;
  readonly audit: Audit;
  readonly normalisation?: unknown;
}

interface Fault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Presets whose loss tells real records from made ones. */
const DISCRIMINATORS: readonly string[] = ["acgan", "acgan-discriminator"];

/** Why a study can't have its generator, or what needs one and has none. */
export function generatorFaults(study: Generating): readonly Fault[] {
  const { generator, audit, model } = study;
  if (generator === undefined) {
    if (!audit.attacks.includes("closest-record")) return [];
    return [
      { path: ["audit", "attacks"], message: "has closest-record, which looks at synthetic records: add generator" },
    ];
  }
  const faults: Fault[] = [];
  const refuse = (path: (string | number)[], message: string): void => {
    faults.push({ path, message });
  };
  if (!DISCRIMINATORS.includes(model.preset))
    refuse(["model", "preset"], `must be ${DISCRIMINATORS.join(" or ")}: the generator learns from a discriminator`);
  refuseUnproven(study, refuse);
  const { labels, best } = generator;
  const classes = study.data.label.values.length;
  if (labels !== undefined && labels.length !== classes)
    refuse(["generator", "labels"], `must be ${classes} shares, one for each class (got ${labels.length})`);
  if (labels !== undefined && Math.abs(labels.reduce((sum, share) => sum + share, 0) - 1) > 1e-9)
    refuse(["generator", "labels"], "must sum to 1");
  const kept = keptRounds(generator, study.training.rounds).length;
  if (kept > GENERATORS_KEPT_MAX)
    refuse(["generator", "keepEvery"], `keeps ${kept} generators, and ${GENERATORS_KEPT_MAX} are the most: raise it`);
  if (best > kept) refuse(["generator", "best"], `must be ≤ ${kept}, the generators that are kept (got ${best})`);
  const arrays = study.data.columns.filter(({ type }) => type === "array").map(({ name }) => name);
  if (arrays.length > 0)
    refuse(["data", "columns"], `${arrays[0]} is an array: synthetic records are tables of numbers and categories`);
  return faults;
}

/** What a step with made records beside the patients' sum was not worked out for. */
function refuseUnproven(
  { privacy, training, audit, normalisation }: Generating,
  refuse: (path: (string | number)[], message: string) => void,
): void {
  if (privacy.mechanism !== "dp-sgd") refuse(["privacy", "mechanism"], "must be dp-sgd in a study with a generator");
  if (privacy.clipping.mode === "adaptive") refuse(["privacy", "clipping"], "can't be adaptive beside a generator");
  if (training.localSteps > 1) refuse(["training", "localSteps"], "must be 1 beside a generator: it steps in between");
  if (training.earlyStop !== undefined)
    refuse(["training", "earlyStop"], "can't be had beside a generator: the best of those kept are chosen instead");
  if (audit.references !== undefined)
    refuse(["audit", "references"], "can't be had beside a generator: reference models would need one each");
  if (normalisation !== undefined)
    refuse(["normalisation"], "can't be had beside a generator: records are made in the columns' public ranges");
}
