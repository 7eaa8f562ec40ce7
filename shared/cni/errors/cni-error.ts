/**
 * Error codes of the JSON error object. 1 to 99 are the CNI specification's, 100 and above are ours.
 * README.md documents this table for users.
 */
export const ErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  /** Not in the specification's table, but in its Go library: CNI_NETNS cannot be used. */
  invalidNetns: 8,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  /** The kernel refused a request. */
  kernelRefused: 100,
  /** A program that the configuration needs is not installed. */
  programMissing: 101,
  /** A program that was run reported a failure. */
  programFailed: 102,
  /** Something that has to be created exists already and belongs to somebody else. */
  conflict: 103,
  /** No address is left. */
  exhausted: 104,
  /** CHECK found a difference. */
  checkMismatch: 105,
  /** Another process held a lock for too long. */
  lockTimeout: 106,
  /** A mistake of ours. */
  internal: 999,
} as const;

/**
 * A failure as the CNI specification's error object knows it.
 * `message` is the short cause (the object's `msg`), `details` says what to do about it.
 */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, msg: string, details = "", options?: ErrorOptions) {
    super(msg, options);
    this.name = "CniError";
    this.code = code;
    this.details = details;
  }
}
