import type { Clipping } from "@consilium/shared/clipping/clipping";
import { type ModelSpec, parameterSlots } from "@consilium/shared/model/spec";

/** Which parameters are clipped together: all of them, or each layer's own. */
export interface ClipGroups {
  readonly count: number;
  /** Group of the block of parameters that begins at an offset of the flat vector. */
  of(offset: number): number;
}

export function clipGroups(spec: ModelSpec, { mode }: Clipping): ClipGroups {
  if (mode !== "per-layer") return { count: 1, of: () => 0 };
  const starts: number[] = [];
  let last: string | undefined;
  for (const { name, offset } of parameterSlots(spec)) {
    const layer = name.slice(0, Math.max(0, name.lastIndexOf("/")));
    if (layer !== last || layer === "") starts.push(offset);
    last = layer;
  }
  return { count: starts.length, of: (offset) => starts.findLastIndex((start) => start <= offset) };
}
