import { EpsilonGroup } from "@consilium/shared/ledger/epsilonHistory";
import { expect, test } from "vitest";
import { groupName, heldTogether } from "./groups.ts";

const groups = ["heart", "lung", "brain", "skin"].map((study) =>
  EpsilonGroup.parse({ study, purpose: "training", charges: 1, added: 1, firstAt: "", lastAt: "" }),
);

test("each group has its layer while there are colours, and none is lost when there aren't", () => {
  expect(heldTogether(groups, 4).map(({ name }) => name)).toEqual(groups.map(groupName));
  expect(heldTogether(groups, 3)).toEqual([
    { name: "heart, training", members: [0] },
    { name: "lung, training", members: [1] },
    { name: "2 others", members: [2, 3] },
  ]);
});
