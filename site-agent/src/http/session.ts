import { createHash, timingSafeEqual } from "node:crypto";
import { Failure } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";

/** A page sends it with each question: a cookie alone goes to every port of this machine, this goes to none. */
export const PAGE_HEADER = "x-consilium-page";

const SECRET_BYTES = 32;
/** A working day: then the command is started anew. */
const SESSION_MS = 10 * 3_600_000;
/** Of one session; whoever sits down before another's page, or decides there as well, isn't left to guess. */
export const WRONG_PASSWORDS_MAX = 5;

export interface OpenedSession {
  readonly cookie: string;
  readonly page: string;
}

/** Browsers keep cookies by machine, not by port: the pages of two sites on one machine must not share a name. */
export function sessionCookie(port: string): string {
  return `consilium-steward-${port}`;
}

/**
 * The one session of a running page: its link works once. Whoever holds it may look; to decide takes the steward's
 * password, each time.
 */
export class PageSession {
  /** Told to the page alone, which never says it: so it knows its program from one that took the port over. */
  readonly program: string;
  readonly #random: RandomSource;
  readonly #now: () => Date;
  #token: string | null;
  #opened: (OpenedSession & { readonly endsMs: number }) | null = null;
  #wrongPasswords = 0;

  constructor(random: RandomSource, now: () => Date) {
    this.#random = random;
    this.#now = now;
    this.#token = this.#secret();
    this.program = this.#secret();
  }

  /** For the link, before it is used. */
  get token(): string {
    if (this.#token === null) throw linkUsed();
    return this.#token;
  }

  /** Trades the link's token for the session; a second time it is refused, whoever comes. */
  open(token: string): OpenedSession {
    if (this.#token === null || !isSame(this.#token, token)) throw linkUsed();
    this.#token = null;
    const opened = { cookie: this.#secret(), page: this.#secret() };
    this.#opened = { ...opened, endsMs: this.#now().getTime() + SESSION_MS };
    return opened;
  }

  require(cookie: string | undefined, page: string | undefined): void {
    const opened = this.#opened;
    const isOpen = opened !== null && this.#now().getTime() < opened.endsMs;
    if (isOpen && isSame(opened.cookie, cookie ?? "") && isSame(opened.page, page ?? "")) return;
    throw new Failure({
      code: "session/none",
      kind: "refused",
      what: "Nobody is signed in on this page.",
      remedy: "Open the link that the command printed; it works once. For another: Ctrl-C, then consilium-site page.",
    });
  }

  /** For good: the link is used. */
  end(): void {
    this.#opened = null;
  }

  /** Counts wrong passwords, whose soever; the last of them ends the session. No right one takes any back. */
  noteWrongPassword(): void {
    this.#wrongPasswords += 1;
    if (this.#wrongPasswords >= WRONG_PASSWORDS_MAX) this.end();
  }

  #secret(): string {
    return Buffer.from(this.#random.bytes(SECRET_BYTES)).toString("base64url");
  }
}

/** Takes as long whatever differs. */
function isSame(known: string, given: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(known), digest(given));
}

function linkUsed(): Failure {
  return new Failure({
    code: "session/link-unknown",
    kind: "refused",
    what: "The link is used already, or is not this page's.",
    remedy: "End the command with Ctrl-C and start it again: consilium-site page",
  });
}
