import type { ChildProcess } from "node:child_process";
import type { Processes } from "./processes.mjs";

/** What a test may know of a study's view; the rest is `StudyDetail` of the coordinator. */
export interface StudyState {
  readonly state: string;
  readonly committedRounds: number;
  readonly reason: string | null;
}

export class Consortium {
  constructor(folder: string);
  readonly folder: string;
  readonly coordinatorFolder: string;
  readonly logs: string;
  readonly processes: Processes;
  readonly sites: Map<string, ChildProcess>;
  readonly coordinator: ChildProcess;
  readonly people: string;
  readonly agents: string;
  readonly publicKey: string;
  createCoordinator(): Promise<Consortium>;
  startCoordinator(): Promise<unknown>;
  enrol(
    name: string,
    options: { records: string; dataset: string; epsilon: number; delta: number; perStudy?: number },
  ): Promise<void>;
  startSite(name: string, env?: Record<string, string>, program?: string): Promise<ChildProcess>;
  heard(name: string, study: string): Promise<void>;
  addSecondSteward(name: string): Promise<void>;
  bothStewards(name: string): readonly string[];
  approve(name: string, study: string, dataset: string, sanitized?: string): Promise<void>;
  beginStudy(file: string, study: string, dataset: string, sites: readonly string[]): Promise<void>;
  reached(
    study: string,
    states: readonly string[],
    timeoutMs?: number,
    onView?: (view: StudyState) => void,
  ): Promise<StudyState>;
  // biome-ignore lint/suspicious/noExplicitAny: parsed by the caller
  consilium(args: readonly string[]): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: parsed by the caller
  site(name: string, args: readonly string[]): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: parsed by the caller
  steward(name: string, args: readonly string[]): Promise<any>;
  siteFolder(name: string): string;
  // biome-ignore lint/suspicious/noExplicitAny: parsed by the caller
  view(path: string): Promise<any>;
  stop(): Promise<void>;
}
