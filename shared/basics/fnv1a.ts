/**
 * The checksum FNV-1a of 32 bits, as 8 hex digits. It finds accidents; whoever wants to can make other bytes with the
 * same checksum.
 *
 * Source: RFC 9923.
 */
export function fnv1a(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
