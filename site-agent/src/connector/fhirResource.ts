/** The parts of FHIR R4's Patient, Observation and Condition (hl7.org/fhir/R4) that rules read; all else is let go. */
import { z } from "zod";

const Coding = z.object({ system: z.string().optional(), code: z.string().optional() });
const Concept = z.object({ coding: z.array(Coding).default([]) });
const Reference = z.object({ reference: z.string().optional() });
const Quantity = z.object({
  value: z.number().optional(),
  comparator: z.string().optional(),
  unit: z.string().optional(),
  code: z.string().optional(),
});
const Value = z.object({
  valueQuantity: Quantity.optional(),
  valueCodeableConcept: Concept.optional(),
  valueInteger: z.number().optional(),
  valueBoolean: z.boolean().optional(),
});
export type FhirValue = z.infer<typeof Value>;

const Patient = z.object({
  resourceType: z.literal("Patient"),
  id: z.string().min(1),
  gender: z.string().optional(),
  birthDate: z.string().optional(),
  deceasedBoolean: z.boolean().optional(),
  deceasedDateTime: z.string().optional(),
});
export type FhirPatient = z.infer<typeof Patient>;

const Observation = Value.extend({
  resourceType: z.literal("Observation"),
  status: z.string().optional(),
  code: Concept,
  subject: Reference.optional(),
  effectiveDateTime: z.string().optional(),
  effectiveInstant: z.string().optional(),
  effectivePeriod: z.object({ start: z.string().optional() }).optional(),
  issued: z.string().optional(),
  component: z.array(Value.extend({ code: Concept })).default([]),
});
export type FhirObservation = z.infer<typeof Observation>;

const Condition = z.object({
  resourceType: z.literal("Condition"),
  code: Concept.optional(),
  subject: Reference.optional(),
  verificationStatus: Concept.optional(),
});
export type FhirCondition = z.infer<typeof Condition>;

export const FhirResource = z.discriminatedUnion("resourceType", [Patient, Observation, Condition]);
export type FhirResource = z.infer<typeof FhirResource>;

/** `system|code` of each coding. */
export function codesOf({ coding }: { readonly coding: z.infer<typeof Concept>["coding"] }): readonly string[] {
  return coding.map(({ system = "", code = "" }) => `${system}|${code}`);
}

/** `Patient/17`, `https://server/fhir/Patient/17` and `urn:uuid:17` all name patient 17. */
export function patientIdOf(subject: { readonly reference?: string | undefined } | undefined): string | null {
  const reference = subject?.reference ?? "";
  return (
    /(?:^|\/)Patient\/([^/]+)(?:\/_history\/.*)?$/.exec(reference)?.[1] ??
    /^urn:uuid:(.+)$/.exec(reference)?.[1] ??
    null
  );
}

/** When it was observed, in milliseconds; a time that isn't told comes before all others. */
export function timeOf(observation: FhirObservation): number {
  const { effectiveDateTime, effectiveInstant, effectivePeriod, issued } = observation;
  const time = Date.parse(effectiveDateTime ?? effectiveInstant ?? effectivePeriod?.start ?? issued ?? "");
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}

/** Whole years from a date of birth, which may lack day or month (then the first), to a day; 90 and above are 90. */
export function ageAt(birthDate: string, day: string): number | null {
  const born = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$/.exec(birthDate);
  if (born === null) return null;
  const [, year = "", month = "01", date = "01"] = born;
  const hadBirthday = `${month}-${date}` <= day.slice(5);
  const age = Number(day.slice(0, 4)) - Number(year) - (hadBirthday ? 0 : 1);
  return age < 0 ? null : Math.min(age, 90);
}
