/** What every answer of the made-up consortium agrees on. */
export const SITES = ["cleveland", "hungarian", "switzerland", "va-long-beach"];
export const ALL_EPSILON = 3.76;
const STARTED = Date.UTC(2026, 4, 4, 9, 0, 0);

/** Seconds after the study began. */
export const at = (seconds: number) => new Date(STARTED + seconds * 1000).toISOString();
export const digest = (digit: string) => digit.repeat(64);
