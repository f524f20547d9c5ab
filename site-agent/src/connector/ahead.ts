/** Decoding is done by threads beside this one: some files ahead keep them busy, few keep memory bounded. */
const AHEAD = 4;

/** What `work` makes of each item, in the items' order. At most four items are under way. */
export async function* inOrder<Item, Made>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Made>,
): AsyncGenerator<Made> {
  const pending: Promise<Made>[] = [];
  try {
    for (const item of items) {
      const made = work(item);
      // Whoever waits for it hears of its failure; until then it is no unhandled one.
      made.catch(() => undefined);
      pending.push(made);
      const [first] = pending;
      if (pending.length < AHEAD || first === undefined) continue;
      yield await first;
      pending.shift();
    }
    for (const made of pending) yield await made;
  } finally {
    await Promise.allSettled(pending);
  }
}
