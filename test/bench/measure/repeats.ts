import { z } from "zod";

/** How often a thing is timed: at least so often, and on for so many seconds or until `most`. */
export const Repeats = z.strictObject({
  warmUp: z.number().int().nonnegative(),
  least: z.number().int().positive(),
  most: z.number().int().positive(),
  seconds: z.number().positive(),
});
export type Repeats = z.infer<typeof Repeats>;

/** Milliseconds that each step says it took, those to warm up left out. */
export async function repeated(
  step: () => Promise<number>,
  { warmUp, least, most, seconds }: Repeats,
  now: () => number = () => performance.now(),
): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await step();
  const times: number[] = [];
  const start = now();
  while (times.length < least || (times.length < most && now() - start < 1000 * seconds)) times.push(await step());
  return times;
}
