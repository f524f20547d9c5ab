import { EventEmitter } from "node:events";
import { z } from "zod";

/** The one event that is bytes. */
const ENVELOPE = "envelope";

/** Types of socket.io's protocol, version 5, without acknowledgements: replies are signed envelopes. */
const CONNECT = 0;
const DISCONNECT = 1;
const EVENT = 2;
const CONNECT_ERROR = 4;
/** A type's digit begins a text. */
const DIGIT_ZERO = 48;

/** Names that socket.io raises by itself: nobody may raise them from afar. */
const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);
const EventName = z.string().refine((name) => !RESERVED.has(name), "reserved");

/** There are no namespaces but the first. */
const nsp = z.literal("/");
const Packet = z.discriminatedUnion("type", [
  // socket.io reads fields of what comes with these two, without looking whether it is an object.
  z.strictObject({ type: z.literal(CONNECT), nsp, data: z.looseObject({}).optional() }),
  z.strictObject({ type: z.literal(DISCONNECT), nsp }),
  z.strictObject({ type: z.literal(EVENT), nsp, data: z.tuple([EventName]).rest(z.unknown()) }),
  z.strictObject({ type: z.literal(CONNECT_ERROR), nsp, data: z.looseObject({ message: z.string() }) }),
]);

/** What socket.io hands over; it fills in more fields than are sent. */
interface Outgoing {
  readonly type: number;
  readonly data?: unknown;
}

class Encoder {
  encode(packet: Outgoing): [Uint8Array | string] {
    const { type, data } = packet;
    if (type === EVENT && Array.isArray(data)) {
      const [name, frame]: unknown[] = data;
      if (name === ENVELOPE && frame instanceof Uint8Array) return [frame];
    }
    return [`${type}${data === undefined ? "" : JSON.stringify(data)}`];
  }
}

/** Raises "decoded" with each packet; throws for what is none, upon which socket.io hangs up. */
class Decoder extends EventEmitter {
  add(received: unknown): void {
    this.emit("decoded", typeof received === "string" ? readText(received) : envelopeOf(received));
  }

  destroy(): void {
    this.removeAllListeners();
  }
}

function envelopeOf(frame: unknown): z.infer<typeof Packet> {
  return { type: EVENT, nsp: "/", data: [ENVELOPE, frame] };
}

function readText(text: string): z.infer<typeof Packet> {
  const json = text.slice(1);
  const data = json === "" ? {} : { data: JSON.parse(json) };
  return Packet.parse({ type: text.charCodeAt(0) - DIGIT_ZERO, nsp: "/", ...data });
}

/**
 * How socket.io's packets travel here: as it writes them itself, but for an envelope, whose frame is the whole message.
 * By itself socket.io makes two of it, a text and the bytes, and sends the second when the first has left.
 */
export const packetParser = { Encoder, Decoder } as const;
