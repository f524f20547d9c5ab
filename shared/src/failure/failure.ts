import { z } from "zod";

/** Class of a failure; each has its exit code, the same for both commands. */
export const FAILURE_EXIT_CODE = {
  fault: 1,
  usage: 2,
  config: 3,
  refused: 4,
  unreachable: 5,
  "audit-failed": 6,
} as const;
export type FailureKind = keyof typeof FAILURE_EXIT_CODE;

/** Fields that help a reader and are safe to show anywhere: never a token, key, patient path or record value. */
export type SafeFields = Readonly<Record<string, string | number | boolean>>;

export interface FailureDetails {
  /** Stable name, `area/what-happened`. */
  readonly code: string;
  readonly kind: FailureKind;
  /** What happened, where and why; one or two sentences. */
  readonly what: string;
  /** What to do next. */
  readonly remedy: string;
  readonly fields?: SafeFields;
  readonly cause?: unknown;
}

/** An expected way to fail, told so that the reader knows what to do next. */
export class Failure extends Error {
  readonly code: string;
  readonly kind: FailureKind;
  readonly remedy: string;
  readonly fields: SafeFields;

  constructor(details: FailureDetails) {
    super(details.what, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Failure";
    this.code = details.code;
    this.kind = details.kind;
    this.remedy = details.remedy;
    this.fields = details.fields ?? {};
  }

  get exitCode(): number {
    return FAILURE_EXIT_CODE[this.kind];
  }
}

/** A failure as it crosses the wire: no cause, no stack. */
export const Refusal = z.strictObject({
  code: z.string().max(100),
  kind: z.enum(["fault", "usage", "config", "refused", "unreachable", "audit-failed"]),
  what: z.string().max(1000),
  remedy: z.string().max(1000),
});
export type Refusal = z.infer<typeof Refusal>;

/** What another party may see of a failure. A fault that is not a `Failure` says nothing of its cause. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Failure) {
    const { code, kind, remedy } = error;
    return { code, kind, what: error.message.slice(0, 1000), remedy: remedy.slice(0, 1000) };
  }
  return {
    code: "internal/fault",
    kind: "fault",
    what: "An unexpected fault stopped this request.",
    remedy: "Look at this party's own log; report the fault with it.",
  };
}

export function fromRefusal(refusal: Refusal): Failure {
  return new Failure(refusal);
}

/** Stops on a broken invariant, in production too: going on would risk a wrong ledger or a leak. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${invariant}`);
}

/** For the `default` of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable: ${JSON.stringify(value)}`);
}
