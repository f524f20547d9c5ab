import { Failure } from "@consilium/shared/failure/failure";

/** One name, and one key, is one person. */
export function stewardKnown(name: string): Failure {
  return new Failure({
    code: "steward/known-already",
    kind: "refused",
    what: `${name} is a steward of this site already, by this name or this key.`,
    remedy: "Another person has another name and another key: consilium-site steward list",
  });
}
