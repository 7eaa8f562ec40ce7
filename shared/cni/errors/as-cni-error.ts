import { Failure, type FailureKind } from "../../errors/failure.ts";
import { SystemError } from "../../errors/system-error.ts";
import { CniError, ErrorCode } from "./cni-error.ts";
import { errnoAdvice } from "./errno-advice.ts";

const codes: Readonly<Record<FailureKind, number>> = {
  refused: ErrorCode.kernelRefused,
  invalid: ErrorCode.invalidConfig,
  unusable: ErrorCode.ioFailure,
  netns: ErrorCode.invalidNetns,
  busy: ErrorCode.tryAgainLater,
  missing: ErrorCode.programMissing,
  failed: ErrorCode.programFailed,
  otherVariant: ErrorCode.programMissing,
};

/**
 * The error that reports a failure of the lower layers: their kind as the protocol's code, their cause as `msg`, and
 * advice in words of the protocol. A CniError stays as it is.
 *
 * @returns undefined for other values: they are mistakes of ours, or errors that the caller has to know.
 */
export function asCniError(error: unknown): CniError | undefined {
  if (error instanceof CniError) return error;
  if (!(error instanceof Failure)) return undefined;
  return new CniError(codes[error.kind], error.message, adviceOn(error), { cause: error });
}

/** Puts "context: " in front of a failure's message and keeps its code and details. Other values stay as they are. */
export function withContext(context: string, error: unknown): unknown {
  const known = asCniError(error);
  if (known === undefined) return error;
  return new CniError(known.code, `${context}: ${known.message}`, known.details, { cause: error });
}

function adviceOn(error: Failure): string {
  if (error.advice !== undefined) return error.advice;
  switch (error.kind) {
    case "netns":
      return netnsAdvice(error);
    case "invalid":
      return "remove it from the config";
    case "otherVariant":
      return variantAdvice(error.subject);
    default:
      return error instanceof SystemError ? errnoAdvice(error.errno) : "";
  }
}

function netnsAdvice(error: Failure): string {
  if (error instanceof SystemError)
    return "CNI_NETNS must be the path of the container's network namespace, as the runtime or `ip netns add` made it";
  // It could be opened, and then not be entered.
  if (error.cause instanceof SystemError)
    return errnoAdvice(error.cause.errno) || "it must be a network namespace";
  return "CNI_NETNS must be a file like /run/netns/NAME or /proc/PID/ns/net";
}

function variantAdvice(program: string): string {
  return `it was made while "${program}" in PATH was another one (see "${program} --version"): DEL succeeds when it is that again; or remove it with ${program}-legacy or ${program}-nft`;
}
