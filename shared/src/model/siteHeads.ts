/**
 * A last layer for each site on one common body (FedPer: Arivazhagan et al. 2019, arXiv:1912.00818, §3). A site's step
 * is the one that it would take without: the gradient of body and own head together, clipped and noised as one
 * vector. So a contribution is as long as ever, and a site's head follows from noised contributions alone.
 *
 * A model of such a study is one vector: the network as any study has it, with the consortium's head, and behind it
 * each site's head in the study's order. The consortium's head takes the steps of all sites' mean gradient, for
 * hospitals that took no part; under plain SGD it is the heads' mean by patients.
 */
import { assert } from "../failure/failure.ts";
import { layerGraph } from "./graph.ts";
import { type ModelSpec, parameterCount, parameterSlots } from "./spec.ts";

export interface SiteHeads {
  /** Numbers of the network that a site trains, its head included. */
  readonly network: number;
  /** Where the head stands among them. */
  readonly offset: number;
  readonly size: number;
  readonly sites: number;
}

/** Heads are the last layer that has parameters; undefined where none of its numbers are trained. */
export function siteHeadsOf(spec: ModelSpec, sites: number): SiteHeads | undefined {
  const name = headLayerOf(spec);
  const slots = parameterSlots(spec).filter((slot) => slot.name.startsWith(`${name}/`));
  const [first] = slots;
  if (name === undefined || first === undefined) return undefined;
  const size = slots.reduce((sum, slot) => sum + slot.size, 0);
  return { network: parameterCount(spec), offset: first.offset, size, sites };
}

/** Name of the last layer that has parameters of its own. */
export function headLayerOf(spec: ModelSpec): string | undefined {
  return layerGraph(spec).nodes.findLast(({ parameters }) => parameters.length > 0)?.layer.name;
}

/** Numbers of a whole model. */
export function numbersWithHeads({ network, size, sites }: SiteHeads): number {
  return network + sites * size;
}

/** A network's numbers as the model where every site starts from its head. */
export function withHeads(own: Float32Array, heads: SiteHeads): Float32Array {
  assert(own.length === heads.network, "a model starts from a network's numbers");
  const all = new Float32Array(numbersWithHeads(heads));
  all.set(own);
  const head = own.subarray(heads.offset, heads.offset + heads.size);
  for (let site = 0; site < heads.sites; site++) all.set(head, heads.network + site * heads.size);
  return all;
}

/** The network as one site has it: a copy, with its own head in the consortium's place. */
export function networkOfSite(all: Float32Array, heads: SiteHeads, site: number): Float32Array {
  assert(all.length === numbersWithHeads(heads) && site >= 0 && site < heads.sites, "a site of the study has a head");
  const own = all.slice(0, heads.network);
  const from = heads.network + site * heads.size;
  own.set(all.subarray(from, from + heads.size), heads.offset);
  return own;
}
