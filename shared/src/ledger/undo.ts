/** Takes back one change of the state. */
export type Undo = () => void;

/** Sets a key; returns how to take that back. */
export function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Undo {
  const before = map.get(key);
  map.set(key, value);
  return () => {
    if (before === undefined) map.delete(key);
    else map.set(key, before);
  };
}

export function drop<Key, Value>(map: Map<Key, Value>, key: Key): Undo {
  const before = map.get(key);
  map.delete(key);
  return () => {
    if (before !== undefined) map.set(key, before);
  };
}

/** One undo for several changes made in this order. */
export function inOrder(...undos: readonly Undo[]): Undo {
  return () => {
    for (const undo of undos.toReversed()) undo();
  };
}
