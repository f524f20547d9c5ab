import { Failure } from "@consilium/shared/failure/failure";
import { Plan } from "@consilium/shared/plan/plan";
import { nextName, revisedStudy } from "@consilium/shared/plan/revisedStudy";
import type { Command } from "commander";
import { StudyDetail } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { positive, positiveWhole } from "./flags.ts";
import { hint, print } from "./output.ts";
import { planText } from "./planText.ts";

interface ReviseOptions extends ClientOptions {
  readonly epsilon?: number;
  readonly rounds?: number;
  readonly as?: string;
  readonly propose: boolean;
}

/** `study revise`: the same study at an ε that the sites which refused it would grant. */
export function registerStudyRevise(study: Command): void {
  withClientOptions(
    study.command("revise").description("a study that sites' counter-offers let through").argument("<study>"),
  )
    .option("--epsilon <ε>", "another ε than the least that was offered", positive)
    .option("--rounds <T>", "another number of training rounds: fewer take less noise", positiveWhole)
    .option("--as <name>", "name of the revised study; else the next number is added")
    .option("--propose", "propose it at once; without, it is only planned", false)
    .addHelpText(
      "after",
      `
Examples:
  consilium study revise heart-disease
  consilium study revise heart-disease --rounds 40 --propose`,
    )
    .action(revise);
}

async function revise(study: string, { epsilon, rounds, as, propose, ...options }: ReviseOptions): Promise<void> {
  const client = await Client.of(options);
  const detail = await client.get(`/api/studies/${encodeURIComponent(study)}`, StudyDetail);
  const offered = detail.approvals.flatMap(({ offer }) => (offer === null ? [] : [offer.epsilon]));
  const least = epsilon ?? (offered.length === 0 ? null : Math.min(...offered));
  if (least === null) throw noOffer(study);
  const document = revisedStudy(detail.document, { epsilon: least, rounds, name: as ?? nextName(detail.name) });
  const plan = await client.post("/api/plan/document", { document, noiseWasAuto: true }, Plan);
  const proposed = propose ? await client.post("/api/studies", document, StudyDetail) : null;
  const { name, digest } = proposed ?? { name: document.name, digest: null };
  print(options.json, { study: name, digest, proposed: propose, document, plan }, planText(plan));
  if (options.json === true) return;
  if (propose) hint(`${name} is proposed; digest ${digest}. next, at each site: consilium-site study approve ${name}`);
  else hint(`ready to run: consilium study revise ${[study, ...turned({ epsilon, rounds, as })].join(" ")} --propose`);
}

/** The options that this plan was made with. */
function turned(flags: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${value}`]));
}

function noOffer(study: string): Failure {
  return new Failure({
    code: "study/no-offer",
    kind: "usage",
    what: `No site has made a counter-offer for ${study}.`,
    remedy: `Name an ε yourself: consilium study revise ${study} --epsilon E; see answers: consilium study show ${study}.`,
  });
}
