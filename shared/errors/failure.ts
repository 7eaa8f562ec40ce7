/**
 * The kinds of failures that callers tell apart:
 * - `refused`: the kernel refused a request;
 * - `invalid`: a value that can never be used;
 * - `unusable`: a file or a file system that cannot be used;
 * - `netns`: a file that is no network namespace, or one that cannot be entered;
 * - `busy`: something ran out, or did not answer in time, so that a later try may succeed;
 * - `missing`: a program does not exist, or a service does not run;
 * - `failed`: a program or a service reported a failure;
 * - `otherVariant`: rules exist, but a program (`subject`) of the other variant of iptables does not see them.
 */
export type FailureKind =
  | "refused"
  | "invalid"
  | "unusable"
  | "netns"
  | "busy"
  | "missing"
  | "failed"
  | "otherVariant";

export interface FailureOptions extends ErrorOptions {
  /** What helps. Left out where that depends on who asked for the operation: the layer above knows. */
  readonly advice?: string | undefined;
  /** The name of the thing that advice is about. */
  readonly subject?: string;
}

/** An operation failed. `message` is the short cause. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly advice: string | undefined;
  readonly subject: string;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options);
    this.name = "Failure";
    this.kind = kind;
    this.advice = options.advice;
    this.subject = options.subject ?? "";
  }
}

/** The text of any thrown value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
