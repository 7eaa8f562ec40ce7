/** Bytes that are no D-Bus message. */
export class WireError extends Error {
  override readonly name = "WireError";
}
