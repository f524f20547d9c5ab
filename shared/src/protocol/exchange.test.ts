import { describe, expect, test } from "vitest";
import { z } from "zod";
import { digestOf } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import { signerOf } from "../signing/ed25519.ts";
import { COORDINATOR, type PartyName, SiteName } from "../units/identity.ts";
import { Exchange, type Hold } from "./exchange.ts";
import { ACCEPTANCES_MAX, MESSAGE_JSON_BYTES_MAX, MESSAGES_IN_FLIGHT_MAX } from "./limits.ts";
import type { ReplyBody } from "./messages.ts";
import { startSession } from "./session.ts";

const basel = SiteName.parse("basel");
const keys = { site: signerOf(new Uint8Array(32).fill(1)), coordinator: signerOf(new Uint8Array(32).fill(2)) };
const Ask = z.strictObject({ type: z.literal("ask"), text: z.string() });
const ask = (text: string) => ({ type: "ask", text });
const lost = new Failure({ code: "link/lost", kind: "unreachable", what: "Lost.", remedy: "Wait." });

const accept = async (): Promise<ReplyBody> => ({ type: "accepted" });
/** Until whatever was sent has been handled. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Two parties, wired together; `frames` counts what crossed. */
function pair(
  siteSession = "one",
  coordinatorSession = siteSession,
  onMessage = accept,
  hold?: Hold<z.infer<typeof Ask>>,
) {
  const refusals: string[] = [];
  const wire = { frames: 0 };
  const party = (self: PartyName, peer: PartyName, id: string, other: () => Exchange<z.infer<typeof Ask>>) =>
    new Exchange({
      session: startSession(digestOf(id), self, peer),
      signer: self === COORDINATOR ? keys.coordinator : keys.site,
      pinned: (self === COORDINATOR ? keys.site : keys.coordinator).publicKey,
      emit: (frame) => {
        wire.frames += 1;
        queueMicrotask(() => other().receive(frame));
      },
      messages: Ask,
      onMessage,
      onRefusal: ({ code }) => refusals.push(code),
      ...(hold === undefined ? {} : { hold }),
    });
  const site: Exchange<z.infer<typeof Ask>> = party(basel, COORDINATOR, siteSession, () => coordinator);
  const coordinator: Exchange<z.infer<typeof Ask>> = party(COORDINATOR, basel, coordinatorSession, () => site);
  return { site, coordinator, refusals, wire };
}

describe("[HND5] each message gets one signed reply; replies get none", () => {
  test("a message and its reply are two frames", async () => {
    const { site, wire } = pair();
    expect(site.isIdle).toBe(true);
    const reply = site.send(ask("how are you?"));
    expect(site.isIdle).toBe(false);
    expect(await reply).toEqual({ type: "accepted" });
    expect(site.isIdle).toBe(true);
    expect(wire.frames).toBe(2);
  });

  describe("an acceptance that nobody waits for", () => {
    const hold = (timers: (() => void)[]) => ({
      isUnhurried: ({ text }: { text: string }) => text === "no hurry",
      after: (_milliseconds: number, run: () => void) => {
        timers.push(run);
        return () => timers.splice(timers.indexOf(run), 1);
      },
    });

    test("rides in the header of the next message", async () => {
      const timers: (() => void)[] = [];
      const { site, coordinator, wire } = pair("one", "one", accept, hold(timers));
      const replies = [site.send(ask("no hurry")), site.send(ask("no hurry"))];
      await turn();
      expect([wire.frames, coordinator.isIdle, timers.length]).toEqual([2, false, 1]);
      await coordinator.send(ask("how are you?"));
      expect(await Promise.all(replies)).toEqual([{ type: "accepted" }, { type: "accepted" }]);
      expect([wire.frames, coordinator.isIdle, site.isIdle, timers.length]).toEqual([4, true, true, 0]);
    });

    test("goes by itself where no message follows in time", async () => {
      const timers: (() => void)[] = [];
      const { site, wire } = pair("one", "one", accept, hold(timers));
      const replies = [site.send(ask("no hurry")), site.send(ask("no hurry"))];
      await turn();
      for (const run of timers) run();
      expect(await Promise.all(replies)).toEqual([{ type: "accepted" }, { type: "accepted" }]);
      expect(wire.frames).toBe(3);
    });

    test("a refusal never stays back, nor more acceptances than a header holds", async () => {
      const refusal = { code: "test/no", kind: "refused", what: "No.", remedy: "Don't." } as const;
      const refusing = pair("one", "one", async () => ({ type: "refused", refusal }), hold([]));
      expect(await refusing.site.send(ask("no hurry"))).toMatchObject({ type: "refused" });
      const { site, wire } = pair("one", "one", accept, hold([]));
      await Promise.all(Array.from({ length: ACCEPTANCES_MAX }, () => site.send(ask("no hurry"))));
      expect(wire.frames).toBe(ACCEPTANCES_MAX + 1);
    });
  });

  test("two sides that disagree on the session fall silent after a message and a refusal", async () => {
    const { site, wire, refusals } = pair("one", "two");
    const reply = site.send(ask("how are you?"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(wire.frames).toBe(2);
    expect(refusals).toEqual(["session/foreign", "session/foreign"]);
    site.close(lost);
    await expect(reply).rejects.toBe(lost);
  });

  test("when the session ends, whoever waits is told, and nobody can send any more", async () => {
    const { site } = pair("one", "one", () => new Promise(() => undefined));
    const reply = site.send(ask("how are you?"));
    site.close(lost);
    await expect(reply).rejects.toBe(lost);
    await expect(site.send(ask("still there?"))).rejects.toBe(lost);
  });

  test("what is too large is not sent at all", async () => {
    const { site, wire } = pair();
    const large = site.send(ask("x".repeat(MESSAGE_JSON_BYTES_MAX)));
    await expect(large).rejects.toMatchObject({ code: "message/oversize" });
    expect(wire.frames).toBe(0);
    expect(await site.send(ask("a short one"))).toEqual({ type: "accepted" });
  });

  test("more messages at once than allowed are refused as busy, the others answered", async () => {
    let release: (reply: ReplyBody) => void = () => undefined;
    const held = new Promise<ReplyBody>((resolve) => {
      release = resolve;
    });
    const { site } = pair("one", "one", () => held);
    const replies = Array.from({ length: MESSAGES_IN_FLIGHT_MAX + 1 }, () => site.send(ask("how are you?")));
    expect(await replies.at(-1)).toMatchObject({ type: "refused", refusal: { code: "link/busy" } });
    release({ type: "accepted" });
    const types = (await Promise.all(replies.slice(0, -1))).map(({ type }) => type);
    expect(new Set(types)).toEqual(new Set(["accepted"]));
  });
});
