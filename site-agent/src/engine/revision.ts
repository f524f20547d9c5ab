let last = 0;

/** A number that no model of this process had yet: who holds that model needs it no second time. */
export function newRevision(): number {
  last++;
  return last;
}
