/** Why an approval is not taken. */
import { Failure } from "@consilium/shared/failure/failure";
import type { DatasetId, StudyName } from "@consilium/shared/units/identity";

export function notDisclosed(): Failure {
  return new Failure({
    code: "approval/disclosures-missing",
    kind: "refused",
    what: "The approval doesn't name what a round shows of this site without noise: failed attempts and late answers.",
    remedy: "Sign it again with this version: consilium-site study approve.",
  });
}

export function approvedAlready(study: StudyName): Failure {
  return new Failure({
    code: "study/approved-already",
    kind: "refused",
    what: `Study ${study} is approved here: an offer of less would say two things at once.`,
    remedy: `Withdraw the approval first: consilium-site study reject ${study} --reason WHY`,
  });
}

export function notSigned(): Failure {
  return new Failure({
    code: "steward/signature-invalid",
    kind: "refused",
    what: "The approval is not this site's, in its steward's name and with its steward's signature.",
    remedy: "Approve with: consilium-site study approve NAME --dataset DATASET",
  });
}

export function otherNumber(): Failure {
  return new Failure({
    code: "approval/number-differs",
    kind: "refused",
    what: "The approval doesn't bear the number of the decision that it is: nobody could tell which caps are newer.",
    remedy: "Sign it again with this version: consilium-site study approve.",
  });
}

export function notPrepared(study: StudyName): Failure {
  return new Failure({
    code: "study/not-prepared",
    kind: "refused",
    what: `The patients for study ${study} have not been prepared from the registered data.`,
    remedy: "Approve with: consilium-site study approve NAME --dataset DATASET, which prepares them first.",
  });
}

export function capMoved(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/cap-moved",
    kind: "refused",
    what: `The cap of ${dataset} is not the one that the steward saw when signing.`,
    remedy: "Look at the budget and approve again: consilium-site budget show",
  });
}
