import { epsilonOfEvents } from "../accountant/convert.ts";
import { type Part, Part as Parts } from "../ledger/entry.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { isDpSgd, type StudyDocument } from "./document.ts";
import { referenceRounds } from "./modelLines.ts";
import { eventsOf } from "./noise.ts";
import type { Finding, YamlSource } from "./yamlSource.ts";

/** Parts whose charges pass the study's ε whatever σ its own steps have. */
export function overspentParts(open: StudyDocument, source: YamlSource): Finding[] {
  const { epsilon, delta } = open.privacy;
  return Parts.options
    .filter((part) => part !== "train" || !isDpSgd(open))
    .filter((part) => epsilonOfEvents(eventsOf(open, part), delta) > epsilon)
    .map((part) => overspent(part, epsilonOfEvents(eventsOf(open, part), delta), open, source));
}

function overspent(part: Part, cost: number, document: StudyDocument, source: YamlSource): Finding {
  if (part === "reference") return overspentReferences(cost, document, source);
  const path =
    part === "validation"
      ? ["evaluation", "epsilon"]
      : ["audit", "epsilon", part === "train" ? "members" : "nonMembers"];
  const times = eventsOf(document, part).reduce(
    (total, { kind, count }) => (kind === "post-processing" ? total : total + count),
    0,
  );
  const { epsilon } = document.privacy;
  const looks = others(part, document);
  const what = looks.length === 0 ? "histograms" : `histograms and picks, those of ${looks.join(" and ")} among them,`;
  const message = `${times} ${what} would cost the ${part} patients ε = ${epsilonText(cost)}, above ${epsilon}`;
  const lower = looks.map((look) => `, or ${look}`).join("");
  const remedy = part === "validation" ? `Lower it${lower}, or evaluate less often.` : "Lower it, or drop an attack.";
  return source.finding("error", path, message, remedy);
}

/** What else charges the validation part beside evaluations. */
function others(part: Part, { audit, generator }: StudyDocument): readonly string[] {
  if (part !== "validation") return [];
  return [
    ...(audit.shadow === undefined ? [] : ["audit.shadow.epsilon.nonMembers"]),
    ...(generator === undefined ? [] : ["generator.epsilon"]),
  ];
}

function overspentReferences(cost: number, document: StudyDocument, source: YamlSource): Finding {
  const { epsilon } = document.privacy;
  const steps = `${referenceRounds(document)} rounds of reference models`;
  const message = `${steps} would cost the reference patients ε = ${epsilonText(cost)}, above ${epsilon}`;
  const remedy = "Use a larger σ there, fewer models or rounds, or a lower samplingRate of theirs.";
  return source.finding("error", ["audit", "references", "noiseMultiplier"], message, remedy);
}
