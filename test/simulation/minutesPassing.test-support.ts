/** A clock for rates alone: a minute passes between two looks, so that nothing is refused for coming too often. */
export function minutesPassing(): () => Date {
  let minutes = 0;
  return () => new Date(60_000 * minutes++);
}
