/** How a column comes from FHIR R4 resources: rules of the data set's file. */
import { z } from "zod";
import { MOLAR_MASS, type Substance } from "./unit.ts";

const Code = z
  .string()
  .regex(/^[^|\s]+\|[^|\s]+$/, "system|code: http://loinc.org|8480-6")
  .describe("A code with its system: http://loinc.org|8480-6.");

const FhirDay = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "a day: 2024-12-31");

export const FhirRule = z
  .strictObject({
    observation: z.array(Code).min(1).max(50).optional().describe("Codes of an Observation, or of a component of one."),
    unit: z.string().min(1).max(40).optional().describe("UCUM unit of the quantity; others are converted to it."),
    of: z.custom<Substance>((name) => typeof name === "string" && Object.hasOwn(MOLAR_MASS, name)).optional(),
    take: z.enum(["latest", "first", "mean"]).default("latest").describe("Of several observations of a patient."),
    comparator: z
      .enum(["refuse", "bound"])
      .default("refuse")
      .describe("A quantity with <, ≤, ≥ or >: refused, or the bound itself."),
    condition: z
      .array(Code)
      .min(1)
      .max(200)
      .optional()
      .describe("1 where the patient has a Condition of these, else 0."),
    patient: z.enum(["sex", "age", "deceased"]).optional().describe("Of the Patient itself; deceased is 1 or 0."),
    at: FhirDay.optional().describe("Public day at which the age in whole years is taken; 90 and above are 90."),
  })
  .refine(
    (rule) => [rule.observation, rule.condition, rule.patient].filter((kind) => kind !== undefined).length === 1,
    {
      message: "must have exactly one of observation, condition and patient",
    },
  )
  .refine(({ patient, at }) => (patient === "age") === (at !== undefined), {
    message: "an age needs the day `at` which it is taken, and nothing else does",
  })
  .refine(({ take, observation, unit }) => take !== "mean" || observation === undefined || unit !== undefined, {
    message: "a mean is one of quantities: name their unit",
  });
export type FhirRule = z.infer<typeof FhirRule>;
