export type Auc = { readonly state: "resolved"; readonly value: number } | { readonly state: "not-resolvable" };

/** What the live row is made of; the views of the coordinator hold more. */
export interface Progress {
  readonly study: { readonly state: string; readonly committedRounds: number; readonly rounds: number };
  readonly round: { readonly running: { readonly sites: readonly { site: string; answer: string }[] } | null };
  readonly metrics: { readonly points: readonly { readonly auc: Auc | null }[] };
  readonly budgets: { readonly budgets: readonly { site: string; spentEpsilon: number; cap: number }[] };
  readonly sites: { readonly sites: readonly { name: string; connected: boolean }[] };
}

export function progressRow(views: Progress, columns: number): string;

export interface Screen {
  readonly progress: (views: Progress) => void;
  readonly close: () => void;
}

export function openScreen(options: {
  readonly live: boolean;
  readonly write?: (text: string) => void;
  readonly now?: () => number;
}): Screen;
