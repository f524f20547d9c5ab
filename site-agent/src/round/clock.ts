import type { MonotonicClock } from "./ports.ts";

/** Longest wait that a timer takes. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The process's monotonic clock. */
export const systemMonotonicClock: MonotonicClock = {
  nowMs: () => performance.now(),
  at: (timeMs, call) => {
    const timer = setTimeout(call, Math.min(Math.max(0, timeMs - performance.now()), TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
};
