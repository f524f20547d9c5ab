import { userInfo } from "node:os";
import { Failure } from "@consilium/shared/failure/failure";
import { ask } from "../control/socket.ts";
import { Accepted } from "../ledger/restore.ts";
import { requireJoined } from "../storage/folder.ts";
import type { CommandContext } from "./context.ts";
import { runnable } from "./output.ts";

/** Goes on from a ledger that was put back from an older copy: this site's, or the coordinator's. */
export async function acceptRestore({ folder, output }: CommandContext, reason: string): Promise<void> {
  await requireJoined(folder);
  const by = userInfo().username.slice(0, 100);
  const reply = await ask(folder.socket, { ask: "accept-restore", by, reason });
  if (reply === null) throw notRunning();
  const result = Accepted.parse(reply.answer);
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
          "What the steward decided since the copy was made is lost otherwise: look at caps, freezes and vetoes again.",
          "Next, at the coordinator: consilium budget accept-restore --reason TEXT",
        ]
      : []),
    runnable("Next: consilium-site status"),
  ]);
}

function notRunning(): Failure {
  return new Failure({
    code: "agent/not-running",
    kind: "usage",
    what: "No agent runs on this data folder: what the coordinator knows comes over its link.",
    remedy: "Start it: consilium-site start",
  });
}
