import { Failure } from "@consilium/shared/failure/failure";
import { NextDecision } from "../control/request.ts";
import { askSite, type CommandContext, type StewardOptions } from "./context.ts";

/**
 * Who grants what `by` asked for: whoever is named. Where nobody is and there is one other steward, that person is told
 * so and types the password; a password that is at hand in a file says nothing of who sits at the terminal.
 */
export async function granterOf(context: CommandContext, by: string, options: StewardOptions): Promise<string> {
  const { as, passwordFile, isSure } = options;
  if (as !== undefined) return as;
  const { stewards } = await askSite(context, { ask: "next-decision" }, NextDecision);
  const others = stewards.map(({ name }) => name).filter((name) => name !== by);
  const [only, another] = others;
  const isAsked = passwordFile === undefined && !isSure && context.terminal.input.isTTY;
  if (only === undefined || another !== undefined || !isAsked) throw notNamed(by, others);
  context.output.say(`${only} grants it, by ${only}'s own password.`);
  return only;
}

function notNamed(by: string, others: readonly string[]): Failure {
  const names = others.map((name) => `--as "${name}"`).join(" or ");
  return new Failure({
    code: "steward/granter-not-named",
    kind: "usage",
    what: `${by} asked for it; another steward grants it, and nobody said who that is.`,
    remedy: others.length === 0 ? "Add another steward: consilium-site steward add NAME" : `Name the person: ${names}`,
  });
}
