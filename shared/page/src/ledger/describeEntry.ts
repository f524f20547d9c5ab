import type { LedgerEvent } from "@consilium/shared/event/recordEvent";
import type { LedgerBody, UnprotectedDisclosure } from "@consilium/shared/ledger/entry";
import { deltaText, epsilonText, shortDigest } from "../figures/format.ts";

/** A ledger entry in words; the entry itself is what counts. */
export function describeEntry(body: LedgerBody): { readonly what: string; readonly details: string } {
  switch (body.kind) {
    case "cap-set":
      return {
        what: "cap set",
        details: `${body.site}, ${body.dataset}: ε ≤ ${epsilonText(body.epsilon)} at δ = ${deltaText(body.delta)}`,
      };
    case "study-cap-set":
      return {
        what: "study's cap set",
        details: `${body.site}, ${body.dataset}, ${body.study}: ${capText(body.epsilon)}`,
      };
    case "period-cap-set":
      return {
        what: "period's cap set",
        details: `${body.site}, ${body.dataset}, ${body.period}: ${capText(body.epsilon)}`,
      };
    case "steward-added":
      return { what: "steward added", details: `${body.site}: ${body.steward}, by ${body.by}` };
    case "steward-asked":
      return { what: "steward asked for", details: `${body.site}: ${body.steward}, by ${body.by}: ${body.reason}` };
    case "steward-settled":
      return {
        what: body.isGranted ? "steward granted" : "steward refused",
        details: `${body.site}, by ${body.by}: ${body.reason}`,
      };
    case "raise-asked":
      return { what: "raise asked for", details: `${body.site}, ${body.dataset}, by ${body.by}: ${body.reason}` };
    case "raise-settled":
      return {
        what: body.isGranted ? "raise granted" : "raise refused",
        details: `${body.site}, by ${body.by}: ${body.reason}`,
      };
    case "study-approved":
      return {
        what: "study approved",
        details:
          `${body.site} for ${body.study}, with ${body.dataset}` +
          (body.sanitized === undefined ? "" : `; training is post-processing of ${body.sanitized}`),
      };
    case "reserved":
      return { what: "reserved", details: `${body.charge}: ${eventText(body.event)}` };
    case "acting":
      return { what: "acting", details: `${body.charge}: spent from here on` };
    case "committed":
      return { what: "committed", details: `${body.charge}, result ${shortDigest(body.result)}` };
    case "cancelled":
      return { what: "cancelled", details: `${body.charge}: ${body.reason}` };
    case "recovered":
      return { what: "recovered", details: `${body.charge} from ${body.from}'s ledger: ${eventText(body.event)}` };
    case "sanitizing":
      return {
        what: body.from === undefined ? "sanitizing" : "sanitizing, told",
        details: `${body.site}, ${body.dataset}: ${[...body.events.map(eventText), ...disclosedText(body.disclosure)].join("; ")}`,
      };
    case "records-released":
      return {
        what: "records released",
        details: `${body.site}, ${body.dataset}: made by ${body.charge}, signed by ${body.by.join(" and ")}: ${body.reason}`,
      };
    case "head-witnessed":
      return { what: "head witnessed", details: `${body.head.writer}, entry ${body.head.sequence}` };
    case "restore-accepted":
      return {
        what: "restore accepted",
        details:
          `${body.lost.writer}'s ledger goes on from entry ${body.accepted.sequence}, without entry ` +
          `${body.lost.sequence} that ${body.site === body.lost.writer ? "we" : body.site} saw: ${body.reason}`,
      };
    case "study-moved":
      return {
        what: "study moved",
        details: `${body.study}: ${body.from} → ${body.to}, by ${body.by}: ${body.reason}`,
      };
    case "refusal-noted":
      return { what: "refused", details: `${body.party}: ${body.code}: ${body.detail}` };
    case "release-answered":
      return {
        what: body.refusal === null ? "release signed" : "signature refused",
        details: `${body.study}, by ${body.party}${body.refusal === null ? "" : `: ${body.refusal}`}`,
      };
    case "gate-overridden":
      return { what: "gate overridden", details: `${body.study}, by auditor ${body.by}: ${body.reason}` };
    case "release-revoked":
      return { what: "release revoked", details: `${body.study}, by ${body.by}: ${body.reason}` };
    case "released":
      return { what: "released", details: `${body.study}, manifest ${shortDigest(body.manifest)}` };
  }
}

function capText(epsilon: number | null): string {
  return epsilon === null ? "lifted" : `ε ≤ ${epsilonText(epsilon)}`;
}

function disclosedText(disclosure: UnprotectedDisclosure | undefined): string[] {
  if (disclosure === undefined) return [];
  return [`${disclosure.of.join(" and ")} disclosed unprotected, signed by ${disclosure.by.join(" and ")}`];
}

function eventText(event: LedgerEvent): string {
  const times = `${event.count} ×`;
  switch (event.kind) {
    case "poisson-gaussian":
      return `Gaussian, σ = ${event.noiseMultiplier.toPrecision(3)}, q = ${event.samplingRate}, ${times}`;
    case "post-processing":
      return `post-processing of sanitized records, ε = 0, ${times}`;
    case "discrete-laplace":
      return `discrete Laplace, ε = ${(event.sensitivity / event.scale).toPrecision(2)}, ${times}`;
    case "exponential-mechanism":
      return `exponential mechanism, ε = ${event.epsilon.toPrecision(2)} a pick, ${times}`;
    case "record-laplace":
      return `Laplace on records, ε = ${(event.diameter / event.scale).toPrecision(3)}, ${times}`;
    case "record-gaussian":
      return `Gaussian on records, σ = ${event.noiseMultiplier.toPrecision(3)}, ${times}`;
    case "metric":
      return `metric noise on records, ε = ${(event.epsilonPerDistance * event.diameter).toPrecision(3)}, ${times}`;
    case "randomised-response":
      return `answers at random, ε = ${Math.log(event.odds).toPrecision(3)}, ${times}`;
  }
}
