import { once } from "node:events";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { servePage } from "../http/server.ts";
import { PageSession } from "../http/session.ts";
import { requireJoined } from "../storage/folder.ts";
import type { CommandContext } from "./context.ts";

/** Serves the hospital's own page to this machine's browser until it is interrupted; prints a link that works once. */
export async function page(context: CommandContext, port: number, stopping: AbortSignal): Promise<void> {
  await requireJoined(context.folder);
  const session = new PageSession(operatingSystemRandom, () => new Date());
  const { origin, close } = await servePage({ context, session, port });
  const link = `${origin}/login#${session.token}`;
  context.output.result({ link }, [
    link,
    "The link works once, in a browser on this machine. Whoever has it may look; each decision asks for the steward's password.",
  ]);
  if (!stopping.aborted) await once(stopping, "abort");
  await close();
}
