import type { EpsilonGroup } from "@consilium/shared/ledger/epsilonHistory";

/** "heart, training"; what is no study's by its purpose alone. */
export function groupName({ study, purpose }: Pick<EpsilonGroup, "study" | "purpose">): string {
  return study === null ? purpose : `${study}, ${purpose}`;
}

/** One layer of a pile: the groups that it holds, by their places. */
export interface Layer {
  readonly name: string;
  readonly members: readonly number[];
}

/** A layer for each group, the later ones as one where there are more than colours that people tell apart. */
export function heldTogether(groups: readonly EpsilonGroup[], layersMax: number): readonly Layer[] {
  const own = groups.map((group, index) => ({ name: groupName(group), members: [index] }));
  if (own.length <= layersMax) return own;
  const kept = own.slice(0, layersMax - 1);
  const rest = own.slice(layersMax - 1);
  return [...kept, { name: `${rest.length} others`, members: rest.flatMap(({ members }) => members) }];
}
