import { userInfo } from "node:os";
import { Failure } from "@consilium/shared/failure/failure";
import { ask } from "../control/socket.ts";
import { Accepted } from "../ledger/restore.ts";
import { requireJoined } from "../storage/folder.ts";
import { type CommandContext, requireYes } from "./context.ts";
import { runnable } from "./output.ts";

/** Goes on from a ledger that was put back from an older copy: this site's, or the coordinator's. */
export async function acceptRestore(context: CommandContext, reason: string, isSure: boolean): Promise<void> {
  const { folder, output, terminal } = context;
  await requireJoined(folder);
  const by = userInfo().username.slice(0, 100);
  const accept = async (isPreview: boolean): Promise<Accepted> => {
    const reply = await ask(folder.socket, { ask: "accept-restore", by, reason, isPreview });
    if (reply === null) throw notRunning();
    return Accepted.parse(reply.answer);
  };
  if (!isSure) {
    for (const line of foretold(await accept(true))) output.say(line);
    if (!terminal.input.isTTY) throw notSure();
    await requireYes("Go on without what is lost?", terminal);
  }
  const result = await accept(false);
  const isOwn = result.accepted.some(({ lost }) => lost.writer !== "coordinator");
  output.result(result, [
    ...result.accepted.map(
      ({ lost, accepted }) =>
        `${lost.writer}'s ledger goes on from entry ${accepted.sequence}, without the lost entry ${lost.sequence}.`,
    ),
    ...(isOwn
      ? [
          `${result.recovered} charges that it had lost are spent again, as the coordinator counts them.`,
          ...result.caps.map((dataset) => `Caps of ${dataset} are the lower ones that the coordinator knows.`),
          "Refusals and vetoes come back with the next link. Look at caps, freezes and stewards again.",
          "Next, at the coordinator: consilium budget accept-restore --reason TEXT",
        ]
      : []),
    runnable("Next: consilium-site status"),
  ]);
}

/** What going on means, before anybody does. */
function foretold({ accepted, recovered, caps }: Accepted): string[] {
  const isOwn = accepted.some(({ lost }) => lost.writer !== "coordinator");
  return [
    ...accepted.map(
      ({ lost, accepted: stands }) =>
        `${lost.writer}'s ledger would go on from entry ${stands.sequence}; what stood up to entry ${lost.sequence} is lost.`,
    ),
    ...(isOwn
      ? [
          `${recovered} charges would be counted as spent again, as the coordinator knows them.`,
          ...caps.map((dataset) => `Caps of ${dataset} would be the lower ones that the coordinator knows.`),
          "Lost for good: freezes, stewards and caps of no approval that were decided since the copy was made.",
        ]
      : []),
  ];
}

function notSure(): Failure {
  return new Failure({
    code: "restore/not-confirmed",
    kind: "usage",
    what: "Nothing was accepted: there is no terminal to ask on.",
    remedy: "Having read what would be lost, run it again with --yes.",
  });
}

function notRunning(): Failure {
  return new Failure({
    code: "agent/not-running",
    kind: "usage",
    what: "No agent runs on this data folder: what the coordinator knows comes over its link.",
    remedy: "Start it: consilium-site start",
  });
}
