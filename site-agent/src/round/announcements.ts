import { assert } from "@consilium/shared/failure/failure";
import type { RoundKey, RoundSpec, SignedHead } from "@consilium/shared/protocol/messages";
import { keyText } from "./round.ts";

/** An announcement as it came, kept while its attempt is the newest. */
interface Announcement {
  readonly spec: RoundSpec;
  readonly head: SignedHead;
  readonly aggregate: Uint8Array | undefined;
  readonly receivedAtMs: number;
}

/** Announcements of attempts under way; the first of an attempt is the one that counts. */
export class Announcements {
  readonly #byKey = new Map<string, Announcement>();

  keep(announcement: Announcement): void {
    const name = keyText(announcement.spec.key);
    if (!this.#byKey.has(name)) this.#byKey.set(name, announcement);
  }

  of(key: RoundKey): Announcement {
    const announcement = this.#byKey.get(keyText(key));
    assert(announcement !== undefined, "an attempt that is being prepared was announced to this process");
    return announcement;
  }

  forget(key: RoundKey): void {
    this.#byKey.delete(keyText(key));
  }
}
