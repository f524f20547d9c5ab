import { describe, expect, test } from "vitest";
import { document } from "../../../test/support/releaseFixture.ts";
import { StudyDocument } from "./document.ts";

describe("[STU34] a document promises only what this version does", () => {
  test("shared noise is refused in whatever way the document was made, not in study files alone", () => {
    expect(StudyDocument.safeParse(document).success).toBe(true);
    const privacy = { ...document.privacy, trust: "distributed" };
    const issues = StudyDocument.safeParse({ ...document, privacy }).error?.issues;
    expect(issues?.map(({ path }) => path.join("."))).toEqual(["privacy.trust"]);
  });
});
