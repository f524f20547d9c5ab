import { useLocation, useSearch } from "wouter";

export type Filters<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** A page's filters, kept in its address: a reload, a bookmark or a colleague sees the same. Null takes one away. */
export function useFilters<Name extends string>(
  names: readonly Name[],
): readonly [Filters<Name>, (changes: Readonly<Partial<Record<Name, string | null>>>) => void] {
  const search = useSearch();
  const [location, go] = useLocation();
  const known = new URLSearchParams(search);
  const filters: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = known.get(name);
    if (value !== null && value !== "") filters[name] = value;
  }
  const change = (changes: Readonly<Partial<Record<Name, string | null>>>) => {
    const next = new URLSearchParams(search);
    for (const name of names) {
      const value = changes[name];
      if (value === undefined) continue;
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString();
    go(text === "" ? location : `${location}?${text}`, { replace: true });
  };
  return [filters, change];
}
