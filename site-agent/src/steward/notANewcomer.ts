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

/** Asked for once is enough. */
export function askedAlready(name: string): Failure {
  return new Failure({
    code: "steward/asked-already",
    kind: "refused",
    what: `${name} was asked for already, and waits.`,
    remedy: `Another steward decides: consilium-site steward grant "${name}" --as NAME --reason WHY (or refuse)`,
  });
}
