import { z } from "zod";

const Probability = z.number().min(0).max(1);
const Flag = z.union([z.literal(0), z.literal(1)]);
const Count = z.number().int().min(0);
const Delta = z.number().min(0).lt(1);
/** Below ½: above it a "bound" would be wrong more often than a coin. */
const Significance = z.number().positive().lt(0.5);
/** What stands beside a question in files that hold answers too; it isn't read. */
const answer = z.unknown().optional();

/** How far a record's probabilities may sum from 1: they are written with few decimals. */
const SUM_TOLERANCE = 1e-4;

const Outputs = z
  .strictObject({ probs: z.array(z.array(Probability)).min(1), labels: z.array(Count).min(1) })
  .superRefine(({ probs, labels }, context) => {
    if (probs.length !== labels.length)
      context.addIssue(`has ${probs.length} probs and ${labels.length} labels; they need one each a record`);
    const record = probs.findIndex((row) => Math.abs(row.reduce((sum, p) => sum + p, 0) - 1) > SUM_TOLERANCE);
    if (record >= 0) context.addIssue({ code: "custom", path: ["probs", record], message: "must sum to 1" });
  });
const Groups = z.strictObject({ member: Outputs, nonmember: Outputs });

const SongMittalInputs = z.strictObject({ shadow: Groups, target: Groups });
export const SongMittal = z
  .looseObject({ num_classes: z.number().int().min(2), inputs: SongMittalInputs })
  .superRefine(({ num_classes: classes, inputs }, context) => {
    for (const model of ["shadow", "target"] as const)
      for (const group of ["member", "nonmember"] as const) {
        const { probs, labels } = inputs[model][group];
        const at = ["inputs", model, group];
        const wide = probs.findIndex((row) => row.length !== classes);
        if (wide >= 0)
          context.addIssue({ code: "custom", path: [...at, "probs", wide], message: `must have ${classes} numbers` });
        const beyond = labels.findIndex((label) => label >= classes);
        if (beyond >= 0)
          context.addIssue({ code: "custom", path: [...at, "labels", beyond], message: `must be below ${classes}` });
        const missing = Array.from({ length: classes }, (_, label) => label).find((label) => !labels.includes(label));
        if (model === "shadow" && missing !== undefined)
          context.addIssue({ code: "custom", path: at, message: `has no record of class ${missing} to learn from` });
      }
  });
export type SongMittal = z.infer<typeof SongMittal>;

/** Which of the records are members: both kinds, or there is nothing to tell apart. */
const Membership = z.array(Flag).refine((flags) => flags.includes(0) && flags.includes(1), {
  error: "needs members (1) and non-members (0)",
});

export const LikelihoodRatio = z.looseObject({
  inputs: z
    .strictObject({
      target_phi: z.array(z.number()),
      shadow_phi: z.array(z.array(z.number())),
      shadow_in: z.array(z.array(Flag)),
      target_member: Membership,
    })
    .superRefine(({ target_phi, shadow_phi, shadow_in, target_member }, context) => {
      const say = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
      sameLength(target_phi, { target_member }, say);
      tableOf(target_phi, { shadow_phi, shadow_in }, say);
      enoughModels(shadow_in, target_phi.length, 2, (message) => say("shadow_in", message));
    }),
});
export type LikelihoodRatio = z.infer<typeof LikelihoodRatio>;

export const RelativeMembership = z.looseObject({
  inputs: z
    .strictObject({
      target_p: z.array(Probability),
      ref_p: z.array(z.array(Probability)),
      ref_in: z.array(z.array(Flag)),
      target_z: z.array(Probability).min(1),
      ref_z: z.array(z.array(Probability)),
      target_member: Membership,
    })
    .superRefine(({ target_p, ref_p, ref_in, target_z, ref_z, target_member }, context) => {
      const say = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
      sameLength(target_p, { target_member }, say);
      tableOf(target_p, { ref_p, ref_in }, say);
      tableOf(target_z, { ref_z }, say);
      if (ref_z.length !== ref_p.length) say("ref_z", `has ${ref_z.length} models and ref_p ${ref_p.length}`);
      enoughModels(ref_in, target_p.length, 1, (message) => say("ref_in", message));
    }),
});
export type RelativeMembership = z.infer<typeof RelativeMembership>;

type Say = (path: string, message: string) => void;

function sameLength(records: readonly unknown[], lists: Readonly<Record<string, readonly unknown[]>>, say: Say): void {
  for (const [name, list] of Object.entries(lists))
    if (list.length !== records.length) say(name, `has ${list.length} entries for ${records.length} records`);
}

/** Tables of models by records, all with the same models. */
function tableOf(
  records: readonly unknown[],
  tables: Readonly<Record<string, readonly (readonly unknown[])[]>>,
  say: Say,
): void {
  const models = Object.values(tables)[0]?.length;
  for (const [name, rows] of Object.entries(tables)) {
    const odd = rows.findIndex((row) => row.length !== records.length);
    if (odd >= 0) say(name, `has ${rows[odd]?.length} entries in model ${odd} for ${records.length} records`);
    if (rows.length !== models) say(name, `has ${rows.length} models, the table beside it ${models}`);
  }
}

function enoughModels(
  isIn: readonly (readonly number[])[],
  records: number,
  least: number,
  say: (message: string) => void,
): void {
  for (let record = 0; record < records; record++) {
    const inside = isIn.filter((row) => row[record] === 1).length;
    const outside = isIn.filter((row) => row[record] === 0).length;
    if (inside >= least && outside >= least) continue;
    say(`record ${record} is in ${inside} models and out of ${outside}; the attack needs at least ${least} of each`);
    return;
  }
}

export const RunRow = z
  .strictObject({
    tp: Count,
    n_pos: Count.min(1),
    fp: Count,
    n_neg: Count.min(1),
    alpha: Significance,
    delta: Delta,
    eps_cp_two_sided_rule: answer,
    eps_cp_tpr_over_fpr_only: answer,
    eps_jeffreys: answer,
    fnr_upper: answer,
    fpr_upper: answer,
  })
  .refine(({ tp, n_pos, fp, n_neg }) => tp <= n_pos && fp <= n_neg, { error: "needs tp ≤ n_pos and fp ≤ n_neg" });

export const OneRunRow = z
  .strictObject({
    m: Count.min(1),
    r: Count.min(1),
    v: Count,
    p: Significance,
    delta: Delta,
    eps_lower: answer,
    p_value_at_eps_1: answer,
    eps_fdp_gaussian: answer,
  })
  .refine(({ m, r, v }) => v <= r && r <= m, { error: "needs v ≤ r ≤ m" });

const PositiveDelta = z.number().positive().lt(1);
export const CanaryRow = z.strictObject({
  mean_cos: z.number().min(-1).max(1),
  std_cos: z.number().positive(),
  dim: Count.min(2),
  delta: PositiveDelta,
  eps: answer,
});
export const GaussianRow = z.strictObject({ mu: z.number().min(0), delta: PositiveDelta, eps: answer });

export const EpsilonBounds = z.strictObject({
  clopper_pearson: z.array(RunRow).optional(),
  one_run: z.array(OneRunRow).optional(),
  one_shot_federated_canary: z.array(CanaryRow).optional(),
  gdp_conversion: z.array(GaussianRow).optional(),
});
export type EpsilonBounds = z.infer<typeof EpsilonBounds>;

/** What `audit stats` reads. Keys of the whole and beside `inputs` that it doesn't know are named and left alone. */
export const Statistics = z.looseObject({
  song_mittal: SongMittal.optional(),
  lira: LikelihoodRatio.optional(),
  rmia: RelativeMembership.optional(),
  epsilon_bounds: EpsilonBounds.optional(),
});
export type Statistics = z.infer<typeof Statistics>;
