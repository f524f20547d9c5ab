import { createContext, type ReactNode, useContext } from "react";

/** What the parts of a page need to know of the program that serves it. */
export interface Surroundings {
  /** A command as it runs from anywhere: with the data folder that it needs. */
  readonly runnable: (command: string) => string;
  /** What to do where the program doesn't answer at all. */
  readonly whenSilent: string;
}

const Known = createContext<Surroundings>({ runnable: (command) => command, whenSilent: "Reload the page." });

export function InSurroundings({ children, ...surroundings }: Surroundings & { readonly children: ReactNode }) {
  return <Known value={surroundings}>{children}</Known>;
}

export function useSurroundings(): Surroundings {
  return useContext(Known);
}

export function useRunnable(): (command: string) => string {
  return useSurroundings().runnable;
}
