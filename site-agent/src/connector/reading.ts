/** What a long reading may use of the process around it: somewhere to say how far it is, pictures kept from before. */
import type { PictureCache } from "./pictureCache.ts";

export interface Reading {
  /** For whoever waits; never a value. */
  say(line: string): void;
  /** `null`: all is decoded anew, and nothing is kept. */
  readonly cache: PictureCache | null;
}

export const QUIET: Reading = { say: () => {}, cache: null };

const SILENT_MS = 2000;

/** Says how far a reading of files is, every two seconds: nothing of one that takes less. */
export class Progress {
  private done = 0;
  private readonly startMs: number;
  private saidMs: number;

  constructor(
    private readonly all: number,
    private readonly say: Reading["say"],
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.startMs = nowMs();
    this.saidMs = this.startMs;
  }

  /** One more file. */
  step(): void {
    this.done += 1;
    const now = this.nowMs();
    if (now - this.saidMs < SILENT_MS || this.done === this.all) return;
    this.saidMs = now;
    const perSecond = (1000 * this.done) / (now - this.startMs);
    const left = Math.ceil((this.all - this.done) / perSecond);
    this.say(`${this.done} of ${this.all} files, ${perSecond.toPrecision(3)} a second, ${durationText(left)} left`);
  }

  /** Of a reading that was told of: how it ended. */
  end(more: string): void {
    if (this.saidMs === this.startMs) return;
    const seconds = Math.round((this.nowMs() - this.startMs) / 1000);
    this.say(`${this.done} files in ${durationText(seconds)}${more}`);
  }
}

function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
