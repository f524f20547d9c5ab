export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly error?: Error | undefined;
}

export function howItEnded(ended: Ended): string;
