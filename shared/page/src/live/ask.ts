/** The program behind the page answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

export interface Asked {
  readonly method?: "GET" | "POST";
  readonly content?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborted once nobody waits for the answer. */
  readonly signal?: AbortSignal;
}

/** Asks the program that serves this page; what it refuses is thrown as it says it. */
export async function ask<View>(
  path: string,
  { method = "GET", content, headers = {}, signal }: Asked = {},
): Promise<View> {
  const response = await fetch(path, {
    method,
    credentials: "same-origin",
    ...(signal === undefined ? {} : { signal }),
    headers: {
      accept: "application/json",
      ...(content === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: JSON.stringify(content) }),
  });
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new Refused(
    response.status,
    answer?.what ?? `The answer was status ${response.status}.`,
    answer?.remedy ?? "Reload the page; if it stays, look at the program's log.",
  );
}
