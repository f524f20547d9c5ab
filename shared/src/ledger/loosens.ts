/** One cap at one time: of the one over all studies all that it says, of another its ε; null where there is none. */
export type CapAsItStands =
  | {
      readonly of: "data-set";
      readonly epsilon: number;
      readonly delta: number;
      readonly perStudy?: number | undefined;
    }
  | { readonly of: "study" | "period"; readonly epsilon: number | null };

/** Whether a cap, changed from what it was, lets more be spent in whichever respect: then it takes two people. */
export function loosens(from: CapAsItStands, to: CapAsItStands): boolean {
  if (from.of === "data-set" && to.of === "data-set") {
    return to.epsilon > from.epsilon || to.delta > from.delta || bound(to.perStudy) > bound(from.perStudy);
  }
  return bound(to.epsilon) > bound(from.epsilon);
}

/** No cap bounds nothing. */
function bound(epsilon: number | null | undefined): number {
  return epsilon ?? Number.POSITIVE_INFINITY;
}
