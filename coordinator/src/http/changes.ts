import type { StudyName } from "@consilium/shared/units/identity";
import type { ChangeTopic } from "../study/world.ts";
import type { ChangeNotice } from "./views.ts";

/** A small model's rounds take milliseconds: nobody's page needs to be told of each. */
const NOTICE_INTERVAL_MS = 250;

type Listener = (notice: ChangeNotice) => void;

/** Tells open pages that something may look different now; a burst of changes of one kind becomes one notice. */
export class Changes {
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Map<string, ChangeNotice>();
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;

  constructor(now: () => Date) {
    this.#now = now;
  }

  changed(topic: ChangeTopic, study: StudyName | null): void {
    if (this.#listeners.size === 0) return;
    this.#waiting.set(`${topic} ${study ?? ""}`, { at: this.#now().toISOString(), topic, study });
    this.#timer ??= setTimeout(() => this.#flush(), NOTICE_INTERVAL_MS).unref();
  }

  /** Calls back until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  #flush(): void {
    this.#timer = undefined;
    const notices = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const notice of notices) for (const listener of this.#listeners) listener(notice);
  }
}
